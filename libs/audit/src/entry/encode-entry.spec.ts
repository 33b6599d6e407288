import { canonicalName, uuidText } from '#libs/platform';
import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alice, issued } from '../testing/sample-events.js';
import { MAX_AUDIT_ENTRY_BYTES } from './audit-entry.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { encodeEntry, isRecordedText, withRecordedAt } from './encode-entry.js';

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
        const later = withRecordedAt(encodeEntry(any, now), now + 5);
        expect(later.leaf.toString()).toBe(canonicalize(later.entry));
        expect(later.entry.recordedAt).toBe('2026-11-23T10:00:00.128Z');
      }),
    );
  });

  it('has every fact of the event', () => {
    const event: AuditEvent = {
      ...issued(7),
      reason: { code: 'some-code', detail: 'some detail' },
      details: {
        z: ['x', 'y'],
        a: 'text',
        n: 1.5,
        no: false,
        inf: Infinity,
        12: 'twelve',
        '3d': 'three',
      },
    };
    const { entry, id, leaf } = encodeEntry(event, now);
    expect(JSON.parse(leaf.toString())).toEqual({
      action: 'token.issue',
      actor: {
        clientApp: alice.clientApp,
        isGuest: false,
        issuer: alice.issuer,
        kind: 'user',
        permissions: ['CommunicationToken.Issue'],
        subject: alice.subject,
        tenant: alice.tenant,
        tokenId: alice.tokenId,
      },
      details: {
        z: ['x', 'y'],
        a: 'text',
        n: 1.5,
        no: false,
        inf: 'Infinity',
        _12: 'twelve',
        '3d': 'three',
      },
      id: uuidText(id),
      outcome: 'success',
      personal: entry.personal,
      policy: event.policy,
      reason: event.reason,
      recordedAt: '2026-11-23T10:00:00.123Z',
      request: { id: event.request?.requestId, traceId: event.request?.traceId },
      target: event.target,
      token: { ...event.token, expiresOn: '2026-11-24T10:00:00.000Z' },
      upstream: event.upstream,
      version: 1,
    });
    expect(encodeEntry(event, now + 1).entry.recordedAt).toBe('2026-11-23T10:00:00.124Z');
  });

  it.each<[string, AuditEvent['actor'], object]>([
    ['the service', { kind: 'system', name: 'recovery' }, { kind: 'system', name: 'recovery' }],
    [
      'a visitor',
      { kind: 'visitor', tenant: alice.tenant, invitation: '0f7e' },
      { kind: 'visitor', subject: '0f7e', tenant: alice.tenant },
    ],
    ['an unknown sender', { kind: 'unauthenticated' }, { kind: 'unauthenticated' }],
  ])('says that %s acted, and has no member for what the event lacks', (_who, actor, expected) => {
    const { entry, leaf } = encodeEntry({ action: 'audit.read', outcome: 'failure', actor }, now);
    const recordedAt = '2026-11-23T10:00:00.123Z';
    const facts = {
      action: 'audit.read',
      outcome: 'failure',
      id: entry.id,
      version: 1,
      recordedAt,
    };
    expect(JSON.parse(leaf.toString())).toEqual({ ...facts, actor: expected });
  });

  it('records an expiry that is no time as such', () => {
    const token = { fingerprint: 'f', fingerprintKey: 'k', scopes: [], expiresOn: new Date(NaN) };
    const { entry } = encodeEntry({ ...issued(), token }, now);
    expect(entry.token?.expiresOn).toBe('invalid');
  });

  it('keeps an entry of 16 KB whole; of a longer one it shortens texts and hashes the details', () => {
    const detailsOf = (padding: number): Record<string, string> => ({
      ...Object.fromEntries(Array.from({ length: 14 }, (_, nth) => [`d${nth}`, 'x'.repeat(1_000)])),
      padding: 'x'.repeat(padding),
    });
    const encode = (padding: number): ReturnType<typeof encodeEntry> =>
      encodeEntry({ ...issued(), details: detailsOf(padding) }, now);
    const room = MAX_AUDIT_ENTRY_BYTES - encode(0).leaf.length;
    const whole = encode(room);
    expect(whole.leaf).toHaveLength(MAX_AUDIT_ENTRY_BYTES);
    expect(whole.entry.details).toEqual(detailsOf(room));
    const { entry } = encode(room + 1);
    const digest = hash('sha256', JSON.stringify(detailsOf(room + 1)), 'base64url');
    expect(entry.details).toEqual({ cut: `sha256 ${digest}` });
    expect(entry.actor).toMatchObject({ subject: alice.subject });
    expect(entry.actor).toHaveProperty('issuer', expect.stringContaining('…[cut'));
  });

  it('records number and hash of the values of a long list', () => {
    const permissions = Array.from({ length: 33 }, (_, nth) => `Permission.${nth}`);
    const { entry } = encodeEntry({ ...issued(), actor: { ...alice, permissions } }, now);
    const digest = hash('sha256', JSON.stringify(permissions), 'base64url');
    expect(entry.actor).toMatchObject({
      permissions: [...permissions.slice(0, 32), `…[cut: 33 values, sha256 ${digest}]`],
    });
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

  it.each([
    ['with room for details', 300],
    ['in the smallest form', 1_000],
  ])('marks every text and list that is cut, %s', (_form, length) => {
    // Each a text of its own, with characters that take three bytes and a pair at every second place.
    const given: string[] = [];
    const long = (size = length): string => {
      const one = `${String.fromCodePoint(0x2460 + given.length)}${'漢😀'.repeat(size)}`;
      given.push(one);
      return one;
    };
    const list = (count: number): string[] => Array.from({ length: count }, (_, nth) => `v${nth}`);
    const { token } = issued();
    const everywhere: AuditEvent = {
      action: 'token.issue',
      outcome: 'denied',
      actor: {
        ...alice,
        issuer: long(),
        tenant: canonicalName(long()),
        subject: canonicalName(long()),
        clientApp: canonicalName(long()),
        tokenId: long(),
        displayName: long(),
        permissions: [long(), ...list(60)],
      },
      target: {
        communicationUserId: long(),
        identityId: long(),
        kind: long(),
        resource: long(),
        subject: long(),
        tenant: long(),
      },
      ...(token && { token: { ...token, fingerprint: long(), scopes: [long(), ...list(60)] } }),
      policy: { rule: long(), version: long() },
      upstream: { correlationVector: long(), secretVersion: long() },
      reason: { code: long(), detail: long(1_200) },
      request: {
        requestId: long(),
        traceId: long(),
        clientAddress: long(),
        userAgent: long(),
      },
      displayName: long(),
      details: { text: long(1_200), list: [long(), ...list(60)], [long()]: 'value' },
    };
    const { entry, personal } = encodeEntry(everywhere, now);
    const texts = textsOf([entry, personal]);
    const digest = (text: string): string => hash('sha256', text, 'base64url');
    const marks = texts.filter((text) => text.includes('…[cut: '));
    for (const text of given) {
      const mark = `…[cut: ${text.length} characters, sha256 ${digest(text)}]`;
      const start = text.slice(0, 8);
      // Details that find no room are replaced by the hash of all of them.
      const isLeftOut = !texts.some((one) => one.startsWith(start));
      if (isLeftOut)
        expect(entry.details).toEqual({ cut: expect.stringMatching(/^sha256 /) as string });
      else
        expect(marks.filter((one) => one.startsWith(start) && one.endsWith(mark))).toHaveLength(1);
    }
    for (const values of [entry.actor, entry.token]) {
      expect(textsOf(values)).toContainEqual(expect.stringMatching(/^…\[cut: 61 values, sha256 /));
    }
    // What was given short is whole, and nothing else is in the entry.
    const others = texts.filter((text) => !marks.includes(text));
    expect(others.filter((text) => text.length > 60)).toEqual([]);
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
    for (let nth = 0; nth < 250; nth += 1) {
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
    expect(salts.size).toBe(1_000);
    expect(hashes.size).toBe(1_000);
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

describe('isRecordedText', () => {
  it('knows a text at its whole length, and as each limit cuts it', () => {
    const long = 'x'.repeat(70_000);
    const detailsOf = (nth: number) =>
      Object.fromEntries(Array.from({ length: nth }, (_, each) => [`d${each}`, 'x'.repeat(1_000)]));
    const [normal, tight] = [2, 20].map((nth) => {
      const actor = { ...alice, issuer: long };
      const { entry } = encodeEntry({ ...issued(), actor, details: detailsOf(nth) }, now);
      return entry.actor.issuer ?? '';
    });
    expect(normal).not.toBe(tight);
    for (const member of [normal, tight]) expect(isRecordedText(long, member ?? '')).toBe(true);
    expect(isRecordedText('text', 'text')).toBe(true);
    expect(isRecordedText('text', 'texts')).toBe(false);
    expect(isRecordedText(`${long}x`, normal ?? '')).toBe(false);
  });
});

/** Every text in a value, also the names of members. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...textsOf(member)]);
}
