import { describe, expect, it } from 'vitest';
import { issued } from '../testing/sample-events.js';
import { tryParseAuditEntry } from './audit-entry.js';
import { encodeEntry } from './encode-entry.js';

const { entry, leaf } = encodeEntry({ ...issued(), displayName: 'Zoë 🦊' }, 0);

function leafOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

describe('tryParseAuditEntry', () => {
  it('gives the entry of its bytes, with members that it does not know', () => {
    expect(tryParseAuditEntry(leaf)).toEqual(entry);
    const later = { ...entry, reason: { code: 'Zoë' }, later: { member: 1 } };
    expect(tryParseAuditEntry(leafOf(later))).toEqual(later);
  });

  it.each<[string, Buffer]>([
    ['no JSON', leaf.subarray(1)],
    ['nothing', Buffer.alloc(0)],
    ['no object', leafOf([entry])],
    ['an entry without its actor', leafOf({ ...entry, actor: undefined })],
    ['an entry whose action is no text', leafOf({ ...entry, action: 1 })],
    ['an entry whose time is no time', leafOf({ ...entry, recordedAt: 'yesterday' })],
  ])('gives nothing of %s', (_what, bytes) => {
    expect(tryParseAuditEntry(bytes)).toBeUndefined();
  });
});
