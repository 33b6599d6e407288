import { beforeAll, describe, expect, it } from 'vitest';
import { sampleApps, samplePeople, sampleTenants } from '../../apps/emulator/src/sample-people.js';
import { NoteVerifier, verifyProofFile } from '#libs/transparency-log';
import { call } from '../environment/call.js';
import { runningService } from '../environment/running-service.js';
import { isProven } from './independent-verifier.js';

const service = runningService();
const receipts: Record<'alice' | 'bob' | 'olga', { id: string; index: number }> = {
  alice: { id: '', index: -1 },
  bob: { id: '', index: -1 },
  olga: { id: '', index: -1 },
};

beforeAll(async () => {
  for (const who of ['alice', 'bob', 'olga'] as const) {
    const token = await service().token(who);
    const { body } = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
    receipts[who] = body.auditEntry;
  }
  await read('mallory', 'entries');
});

async function read(who: Parameters<ReturnType<typeof service>['token']>[0], path: string) {
  return call(service().url, 'get', `/v1/audit/${path}`, { token: await service().token(who) });
}

async function search(query: Record<string, string>, who: 'grace' | 'ivan' = 'grace') {
  return read(who, `entries?${new URLSearchParams(query).toString()}`);
}

async function publicKey(): Promise<string> {
  return (await read('grace', 'log/keys')).text.trim();
}

describe('GET /v1/audit/entries', () => {
  it('200: shows entries newest first, page by page, without a gap or an overlap', async () => {
    const indexes: number[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const { status, body } = await search({ limit: '3', ...(cursor && { cursor }) });
      expect(status).toBe(200);
      indexes.push(...body.items.map(({ index }: { index: number }) => index));
      cursor = body.nextCursor;
    }
    const [newest = -1] = indexes;
    expect(newest).toBeGreaterThan(receipts.olga.index);
    expect(indexes).toEqual(Array.from({ length: newest + 1 }, (_, nth) => newest - nth));
  });

  it.each([
    ['action', () => ({ action: 'token.issue' }), 3],
    ['outcome', () => ({ outcome: 'denied' }), 1],
    ['reasonCode', () => ({ reasonCode: 'insufficient-permission' }), 1],
    ['reasonText', () => ({ reasonText: 'permission insufficient' }), 1],
    [
      'caller',
      () => ({
        actorSubject: samplePeople.alice.objectId,
        actorTenant: sampleTenants.home.id,
        action: 'token.issue',
      }),
      1,
    ],
    ['tenant', () => ({ actorTenant: sampleTenants.second.id }), 2],
    [
      'application',
      () => ({ clientApp: sampleApps['sample-web-app'].clientId, action: 'identity.create' }),
      3,
    ],
    ['target', () => ({ targetSubject: samplePeople.bob.objectId, action: 'token.issue' }), 1],
  ])('200: finds entries by %s', async (_name, query, count) => {
    const { status, body } = await search(query());
    expect(status).toBe(200);
    expect(body.items).toHaveLength(count);
  });

  it('200: finds an entry by identity, communication user, address and fingerprint, as it shows them', async () => {
    const { body: shown } = await read('grace', `entries/${receipts.alice.id}`);
    const { target, token } = shown.entry;
    for (const query of [
      { identityId: target.identityId },
      { communicationUserId: target.communicationUserId },
      { fingerprint: token.fingerprint },
      { clientAddress: shown.personal.clientAddress, action: 'token.issue' },
    ] as Record<string, string>[]) {
      const { body } = await search(query);
      const ids = body.items.map(({ entry }: { entry: { id: string } }) => entry.id);
      expect(ids, JSON.stringify(query)).toContain(receipts.alice.id);
    }
  });

  it('200: takes its time window as half open', async () => {
    const { body: shown } = await read('grace', `entries/${receipts.bob.id}`);
    const at = shown.entry.recordedAt as string;
    const idsOf = async (query: Record<string, string>) =>
      (await search(query)).body.items.map(({ entry }: { entry: { id: string } }) => entry.id);
    expect(await idsOf({ from: at, limit: '1000' })).toContain(receipts.bob.id);
    expect(await idsOf({ to: at, limit: '1000' })).not.toContain(receipts.bob.id);
    expect(await idsOf({ from: '9998-01-01T00:00:00Z' })).toEqual([]);
  });

  it.each([
    ['a quotation mark', "' OR '1'='1"],
    ['a null byte', 'a\u0000b'],
    ['a wildcard', '%_%'],
    ['line breaks', 'a\r\nb: c'],
    ['an escape sequence', '\u001b[31mred'],
    ['separators and bidi marks', '\u2028\u2029\u202e\u2066'],
    ['emoji', '🧑‍🚀'],
    ['512 characters', 'x'.repeat(512)],
    ['operators of full text search', "& | ! ( ) <-> :* 'quoted'"],
  ])('200: finds nothing by %s, and nothing else happens', async (_what, text) => {
    for (const name of [
      'actorSubject',
      'clientAddress',
      'reasonCode',
      'reasonText',
      'fingerprint',
    ]) {
      const { status, body } = await search({ [name]: text });
      expect(status).toBe(200);
      expect(body).toEqual({ items: [] });
    }
  });

  it.each([
    ['an unknown filter', 'colour=red', ['']],
    ['an unknown action', 'action=token.steal', ['/action']],
    ['no entries a page', 'limit=0', ['/limit']],
    ['too many a page', 'limit=1001', ['/limit']],
    ['half an entry', 'limit=1.5', ['/limit']],
    ['a cursor before the beginning', 'cursor=-1', ['/cursor']],
    ['a cursor beyond all numbers', 'cursor=9999999999999999', ['/cursor']],
    ['a day for a time', 'from=2030-01-01', ['/from']],
    ['the year 0', 'from=0000-01-01T00:00:00Z', ['/from']],
    ['the end of time', 'to=9999-12-31T23:59:59-12:00', ['/to']],
    [
      'a window that ends before it begins',
      'from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z',
      ['/to'],
    ],
    ['a filter given twice', 'action=token.issue&action=token.revoke', ['/action']],
    ['an empty filter', 'actorSubject=', ['/actorSubject']],
    ['513 characters', `reasonText=${'x'.repeat(513)}`, ['/reasonText']],
  ])('400: refuses %s', async (_what, query, pointers) => {
    const { status, body } = await read('grace', `entries?${query}`);
    expect(status).toBe(400);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  it('401: shows nothing without a token', async () => {
    expect((await call(service().url, 'get', '/v1/audit/entries')).status).toBe(401);
  });

  it.each(['alice', 'ada', 'crm-service'] as const)('403: shows nothing to %s', async (who) => {
    const { status, body } = await read(who, 'entries');
    expect(status).toBe(403);
    expect(body.type).toBe('urn:acs-identity:problem:insufficient-permission');
  });

  it('records each reading with what was asked for, but no address', async () => {
    const marker = `marker-${crypto.randomUUID()}`;
    await search({ actorSubject: marker, clientAddress: '192.0.2.1' });
    const own = (await service().auditEntries()).filter((entry) =>
      JSON.stringify(entry).includes(marker),
    );
    expect(own).toMatchObject([
      { action: 'audit.read', actor: { subject: samplePeople.grace.objectId } },
    ]);
    expect(JSON.stringify(own)).not.toContain('192.0.2.1');
  });
});

describe('an auditor of another tenant', () => {
  it('200: sees what people of the own tenant did and what was done to them, and nothing else', async () => {
    const { body } = await search({ limit: '1000' }, 'ivan');
    const ids = body.items.map(({ entry }: { entry: { id: string } }) => entry.id);
    expect(ids).toContain(receipts.olga.id);
    for (const { entry } of body.items) {
      expect([entry.actor.tenant, entry.target?.tenant]).toContain(sampleTenants.second.id);
    }
  });

  it('200: finds nothing of others, however it asks', async () => {
    for (const query of [
      { actorTenant: sampleTenants.home.id },
      { actorSubject: samplePeople.alice.objectId },
      { reasonCode: 'insufficient-permission' },
    ] as Record<string, string>[]) {
      const { body } = await search(query, 'ivan');
      expect(body).toEqual({ items: [] });
    }
  });

  it('200: pages through its entries without a gap', async () => {
    const whole = (await search({ limit: '1000' }, 'ivan')).body.items as { index: number }[];
    const indexes: number[] = [];
    let cursor: string | undefined = String((whole[0]?.index ?? 0) + 1);
    while (cursor !== undefined) {
      const { body } = await search({ limit: '2', cursor }, 'ivan');
      indexes.push(...body.items.map(({ index }: { index: number }) => index));
      cursor = body.nextCursor;
    }
    expect(indexes).toEqual(whole.map(({ index }) => index));
  });

  it('200: gets and proves its own entries; 404: the others do not exist for it', async () => {
    expect((await read('ivan', `entries/${receipts.olga.id}`)).status).toBe(200);
    const { text } = await read('ivan', `entries/${receipts.olga.id}/proof`);
    const { canonical } = (await read('ivan', `entries/${receipts.olga.id}`)).body;
    expect(isProven(canonical, text, await publicKey())).toBe(true);
    const missing = await read('ivan', 'entries/01890a5d-ac96-774b-bcce-b302099a8057');
    for (const path of [`entries/${receipts.alice.id}`, `entries/${receipts.alice.id}/proof`]) {
      const { status, body } = await read('ivan', path);
      expect(status).toBe(404);
      expect({ ...body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    }
  });

  it.each(['statistics?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z', 'log/checkpoint'])(
    '403: has no access to %s, and the attempt is recorded',
    async (path) => {
      const { status, body } = await read('ivan', path);
      expect(status).toBe(403);
      expect(body.type).toBe('urn:acs-identity:problem:audit-scope-exceeded');
      expect((await service().auditEntries()).at(-1)).toMatchObject({
        action: 'audit.read',
        outcome: 'denied',
        actor: { subject: samplePeople.ivan.objectId },
        reason: { code: 'audit-scope-exceeded' },
      });
    },
  );
});

describe('GET /v1/audit/entries/{id}', () => {
  it('200: shows an entry with its canonical bytes and its personal values', async () => {
    const { status, body, headers } = await read('grace', `entries/${receipts.alice.id}`);
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.index).toBe(receipts.alice.index);
    expect(JSON.parse(body.canonical)).toEqual(body.entry);
    expect(body.personal).toMatchObject({ actorDisplayName: samplePeople.alice.displayName });
    expect(body.canonical).not.toContain(samplePeople.alice.displayName);
    expect(body.entry.actor).toMatchObject({
      tenant: sampleTenants.home.id,
      subject: samplePeople.alice.objectId,
      clientApp: sampleApps['sample-web-app'].clientId,
    });
  });

  it('200: takes the id in capitals too', async () => {
    expect((await read('grace', `entries/${receipts.alice.id.toUpperCase()}`)).status).toBe(200);
  });

  it.each([
    ['an entry that was never', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['an id of another version', 'b9a1f0a2-5d3c-4a52-8a0b-1f6f0d2f7c11'],
    ['an id from beyond the year 9999', 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
    ['an id from 1970', '00000000-0000-7000-8000-000000000000'],
  ])('404: knows not %s', async (_what, id) => {
    for (const path of [`entries/${id}`, `entries/${id}/proof`]) {
      const { status, body } = await read('grace', path);
      expect(status).toBe(404);
      expect(body.type).toBe('urn:acs-identity:problem:audit-entry-not-found');
    }
  });

  it.each(['17', 'x', '..%2f..', `${'0'.repeat(36)}`])('400: takes no %s for an id', async (id) => {
    expect((await read('grace', `entries/${id}`)).status).toBe(400);
  });

  it('401, 403: is for auditors', async () => {
    const path = `/v1/audit/entries/${receipts.alice.id}`;
    expect((await call(service().url, 'get', path)).status).toBe(401);
    expect((await read('alice', `entries/${receipts.alice.id}`)).status).toBe(403);
  });
});

describe('GET /v1/audit/entries/{id}/proof', () => {
  it('200: proves the entry to this project’s verifier and to an independent one', async () => {
    const key = await publicKey();
    for (const { id, index } of Object.values(receipts)) {
      const { status, text, headers } = await read('grace', `entries/${id}/proof`);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/plain; charset=utf-8');
      const { canonical } = (await read('grace', `entries/${id}`)).body;
      const verifier = NoteVerifier.parse(key);
      const trust = { origin: 'localhost/acs-identity', verifiers: [verifier] };
      expect(verifyProofFile(text, Buffer.from(canonical), trust).index).toBe(index);
      expect(isProven(canonical, text, key)).toBe(true);
    }
  });

  it('proves nothing but the very bytes of the entry', async () => {
    const key = await publicKey();
    const { text } = await read('grace', `entries/${receipts.alice.id}/proof`);
    const { canonical } = (await read('grace', `entries/${receipts.alice.id}`)).body;
    const { canonical: other } = (await read('grace', `entries/${receipts.bob.id}`)).body;
    expect(isProven(other, text, key)).toBe(false);
    expect(isProven(`${canonical} `, text, key)).toBe(false);
    expect(isProven(canonical, text.replace(/index (\d+)/, 'index 0'), key)).toBe(false);
    expect(isProven(canonical, text.replace(/\n(\d+)\n/, '\n1$1\n'), key)).toBe(false);
  });
});

describe('GET /v1/audit/statistics', () => {
  const window = () => {
    const now = Date.now();
    return {
      from: new Date(now - 3_600_000).toISOString(),
      to: new Date(now + 60_000).toISOString(),
    };
  };
  const statistics = async (query: Record<string, string>) =>
    read('grace', `statistics?${new URLSearchParams(query).toString()}`);

  it('200: counts what the log holds', async () => {
    const { status, body } = await statistics({ ...window(), dimension: 'actorTenant' });
    expect(status).toBe(200);
    const entries = await service().auditEntries();
    const ofSecond = entries.filter(({ actor }) => actor.tenant === sampleTenants.second.id);
    const counted = (body.items as { value?: string; entries: number }[])
      .filter(({ value }) => value === sampleTenants.second.id)
      .reduce((sum, item) => sum + item.entries, 0);
    expect(counted).toBe(ofSecond.length);
  });

  it.each(['hour', 'day', 'week', 'month'])('200: counts by %s', async (bucket) => {
    const { body } = await statistics({ ...window(), bucket, dimension: 'action' });
    const items = body.items as { bucketStart: string; value: string; entries: number }[];
    const issued = items.filter(({ value }) => value === 'token.issue');
    expect(issued.reduce((sum, { entries }) => sum + entries, 0)).toBe(3);
    for (const { bucketStart } of items) expect(bucketStart).toMatch(/:00:00\.000Z$/);
  });

  it.each([
    ['no window', {}, ['/from', '/to']],
    [
      'a window that ends before it begins',
      { from: '2030-01-02T00:00:00Z', to: '2030-01-01T00:00:00Z' },
      ['/to'],
    ],
    [
      'an unknown unit',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', bucket: 'second' },
      ['/bucket'],
    ],
    [
      'an unknown dimension',
      { from: '2030-01-01T00:00:00Z', to: '2030-01-02T00:00:00Z', dimension: 'leaf' },
      ['/dimension'],
    ],
    [
      'too many buckets',
      { from: '2020-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z', bucket: 'hour' },
      ['/bucket'],
    ],
  ])('400: refuses %s', async (_what, query, pointers) => {
    const { status, body } = await statistics(query as Record<string, string>);
    expect(status).toBe(400);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  it('401, 403: is for auditors', async () => {
    const path = `statistics?${new URLSearchParams(window()).toString()}`;
    expect((await call(service().url, 'get', `/v1/audit/${path}`)).status).toBe(401);
    expect((await read('bob', path)).status).toBe(403);
  });
});
