import { describe, expect, it } from 'vitest';
import { encodeEntry } from '../entry/encode-entry.js';
import { alice, issued } from '../testing/sample-events.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { cefLine } from './cef.js';

function lineWith(displayName: string): string {
  const { entry, leaf } = encodeEntry(issued(), 0);
  return cefLine({
    index: 0,
    entry,
    leaf,
    isDamaged: false,
    personal: { actorDisplayName: displayName },
  });
}

describe('cefLine', () => {
  it.each([
    ['x'.repeat(1_023), 'x'.repeat(1_023)],
    ['x'.repeat(1_024), `${'x'.repeat(1_022)}…`],
    [`${'x'.repeat(1_021)}😀😀`, `${'x'.repeat(1_021)}…`],
  ])('marks a text that it cuts (%#)', (name, written) => {
    expect(lineWith(name)).toContain(` suser=${written} `);
  });

  it('gives damage of the log the highest severity', () => {
    const actor = { kind: 'system', name: 'audit-log' } as const;
    const event = { action: 'audit.damage', outcome: 'failure', actor } as const;
    const { entry, leaf } = encodeEntry(event, 0);
    const line = cefLine({ index: 0, entry, leaf, personal: {}, isDamaged: false });
    expect(line).toMatch(/\|audit damage\|10\|/);
  });

  function lineOf(event: AuditEvent): string {
    const { entry, leaf } = encodeEntry(event, 0);
    return cefLine({ index: 0, entry, leaf, personal: {}, isDamaged: false });
  }

  it('names the person who was erased', () => {
    const line = lineOf({
      action: 'audit.erase',
      outcome: 'success',
      actor: { kind: 'operator', name: 'root' },
      target: { tenant: alice.tenant, subject: alice.subject },
    });
    expect(line).toContain(` duid=${alice.subject} `);
    expect(line).toContain(` flexString1Label=targetSubject flexString1=${alice.subject}`);
  });

  it('has the subject of a target beside its communication identity', () => {
    const target = { subject: alice.subject, communicationUserId: '8:acs:r_i' };
    const line = lineOf({ ...issued(), target });
    expect(line).toContain(' duid=8:acs:r_i ');
    expect(line).toContain(` flexString1=${alice.subject}`);
  });

  it('has for how many events an entry stands, and its details', () => {
    const line = lineOf({
      action: 'authentication.reject',
      outcome: 'denied',
      actor: { kind: 'unauthenticated' },
      details: { count: 300, route: 'POST /v1/me/tokens' },
    });
    expect(line).toContain(' cnt=300');
    expect(line).toMatch(
      / flexString2Label=details flexString2=\{"count":300,"route":"POST \/v1\/me\/tokens"\}$/,
    );
  });
});
