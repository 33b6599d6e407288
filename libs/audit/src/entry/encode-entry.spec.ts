import { canonicalName } from '#libs/platform';
import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alice, issued } from '../testing/sample-events.js';
import { MAX_AUDIT_ENTRY_BYTES } from './audit-entry.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { encodeEntry } from './encode-entry.js';
import { escapeControlCharacters } from './sanitize.js';

const now = Date.parse('2026-11-23T10:00:00.123Z');
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('\0', '\ud800', 'a\r\nb', '\u001b[2J', '\u202e', '\u2028', '__proto__', '7'),
  fc.nat(70_000).map((length) => '\u{1f600}"\\'.repeat(length / 4)),
);
const event: fc.Arbitrary<AuditEvent> = fc
  .record({
    text,
    list: fc.array(text, { maxLength: 60 }),
    details: fc.dictionary(text, fc.oneof(text, fc.double(), fc.boolean(), fc.array(text))),
    hasParts: fc.boolean(),
  })
  .map(({ text: value, list, details, hasParts }) => ({
    ...issued(),
    actor: { ...alice, subject: canonicalName(value), permissions: list, displayName: value },
    details,
    displayName: value,
    reason: { code: value, ...(hasParts && { detail: value }) },
    request: { requestId: value, ...(hasParts && { clientAddress: value, userAgent: value }) },
  }));

describe('encodeEntry', () => {
  it('writes the canonical bytes of RFC 8785', () => {
    fc.assert(
      fc.property(event, (any) => {
        const { entry, leaf } = encodeEntry(any, now);
        expect(leaf.toString()).toBe(canonicalize(entry));
        expect(canonicalize(JSON.parse(leaf.toString()))).toBe(leaf.toString());
      }),
    );
  });

  it('fits any event into 16 KB', () => {
    fc.assert(
      fc.property(event, (any) => {
        expect(encodeEntry(any, now).leaf.length).toBeLessThanOrEqual(MAX_AUDIT_ENTRY_BYTES);
      }),
    );
  });

  it('escapes characters that break lines, hide text or are rejected by parsers', () => {
    fc.assert(
      fc.property(event, (any) => {
        const written = encodeEntry(any, now).leaf.toString();
        expect(written).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/);
        expect(written.isWellFormed()).toBe(true);
      }),
    );
  });

  it('records length and hash of a truncated text', () => {
    const long = 'x'.repeat(65_536);
    const { entry } = encodeEntry({ ...issued(), reason: { code: long } }, now);
    expect(entry.reason?.code).toBe(
      `${'x'.repeat(256)}…[cut: 65536 characters, sha256 ${hash('sha256', long, 'base64url')}]`,
    );
  });

  it('records each personal value as its hash with a salt of its own', () => {
    // All values are equal, and so would be the hashes of values that share a salt.
    const same = 'the same text everywhere';
    const equal: AuditEvent = {
      ...issued(),
      actor: { ...alice, displayName: same },
      displayName: same,
      request: { requestId: 'r', clientAddress: same, userAgent: same },
    };
    const salts = new Set<string>();
    const hashes = new Set<string>();
    for (let nth = 0; nth < 1_000; nth += 1) {
      const { entry, personal } = encodeEntry(equal, now);
      const own = personal.flatMap((values) =>
        Array.from({ length: values.salts.length / 16 }, (_, at) =>
          values.salts.subarray(at * 16, (at + 1) * 16),
        ),
      );
      const expected = own.map((salt) =>
        hash('sha256', Buffer.concat([salt, Buffer.from(same)]), 'base64url'),
      );
      const recorded = entry.personal;
      expect(Object.keys(recorded ?? {})).toHaveLength(4);
      expect([
        recorded?.clientAddress,
        recorded?.userAgent,
        recorded?.actorDisplayName,
        recorded?.targetDisplayName,
      ]).toEqual(expected);
      for (const salt of own) salts.add(salt.toString('hex'));
      for (const digest of expected) hashes.add(digest);
    }
    expect(salts.size).toBe(4_000);
    expect(hashes.size).toBe(4_000);
  });

  it('has no salt and no hash for a value that is absent', () => {
    const { entry, personal } = encodeEntry(
      { ...issued(), request: { requestId: 'r', userAgent: 'agent' } },
      now,
    );
    expect(personal.map(({ salts }) => salts.length)).toEqual([32]);
    expect(Object.keys(entry.personal ?? {})).toEqual(['actorDisplayName', 'userAgent']);
    const system: AuditEvent = {
      action: 'policy.load',
      outcome: 'success',
      actor: { kind: 'system', name: 'policy' },
    };
    expect(encodeEntry(system, now)).toMatchObject({ personal: [] });
    expect(encodeEntry(system, now).entry.personal).toBeUndefined();
  });
});

describe('escapeControlCharacters', () => {
  it('escapes unsafe characters and no others', () => {
    expect(escapeControlCharacters('a\r\nb\u202e\ud800 ü 😀 日本')).toBe(
      'a\\u000d\\u000ab\\u202e\\ud800 ü 😀 日本',
    );
  });
});
