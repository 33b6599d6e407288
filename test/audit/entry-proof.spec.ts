import { beforeAll, describe, expect, it } from 'vitest';
import { NoteVerifier, verifyProofFile } from '#libs/transparency-log';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { call } from '../environment/call.js';
import { runningService } from '../environment/running-service.js';
import { idsOf, indexesOf, issueTo, publicKey, read, type Receipt } from './auditors.js';
import { isProven } from './independent-verifier.js';

const service = runningService();
const receipts = {} as Record<'alice' | 'bob' | 'olga', Receipt>; // filled before any spec runs

beforeAll(async () => {
  for (const who of ['alice', 'bob', 'olga'] as const) {
    receipts[who] = await issueTo(service(), who);
  }
  await read(service(), 'mallory', 'entries');
});

async function search(query: Record<string, string>, who: 'grace' | 'ivan' = 'grace') {
  return read(service(), who, `entries?${new URLSearchParams(query).toString()}`);
}

describe('GET /v1/audit/entries/{id}', () => {
  it('200: shows an entry with its canonical bytes and its personal values', async () => {
    const { status, body, headers } = await read(
      service(),
      'grace',
      `entries/${receipts.alice.id}`,
    );
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.index).toBe(receipts.alice.index);
    expect(JSON.parse(body.canonical)).toEqual(body.entry);
    expect(body.personal).toMatchObject({ actorDisplayName: SAMPLE_PEOPLE.alice.displayName });
    expect(body.canonical).not.toContain(SAMPLE_PEOPLE.alice.displayName);
    expect(body.entry.actor).toMatchObject({
      tenant: SAMPLE_TENANTS.home.id,
      subject: SAMPLE_PEOPLE.alice.objectId,
      clientApp: SAMPLE_APPS['sample-web-app'].clientId,
    });
  });

  it('200: takes the id in capitals too', async () => {
    expect(
      (await read(service(), 'grace', `entries/${receipts.alice.id.toUpperCase()}`)).status,
    ).toBe(200);
  });

  it.each([
    ['an entry that was never', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['an id of another version', 'b9a1f0a2-5d3c-4a52-8a0b-1f6f0d2f7c11'],
    ['an id from beyond the year 9999', 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
    ['an id from 1970', '00000000-0000-7000-8000-000000000000'],
  ])('404: knows not %s', async (_what, id) => {
    for (const path of [`entries/${id}`, `entries/${id}/proof`]) {
      const { status, body } = await read(service(), 'grace', path);
      expect(status).toBe(404);
      expect(body.type).toBe('urn:acs-identity:problem:audit-entry-not-found');
    }
  });

  it.each(['17', 'x', '..%2f..', '0'.repeat(36)])('400: takes no %s for an id', async (id) => {
    expect((await read(service(), 'grace', `entries/${id}`)).status).toBe(400);
  });

  it('401, 403: is for auditors', async () => {
    const path = `/v1/audit/entries/${receipts.alice.id}`;
    expect((await call(service().url, 'get', path)).status).toBe(401);
    expect((await read(service(), 'alice', `entries/${receipts.alice.id}`)).status).toBe(403);
  });
});

describe('GET /v1/audit/entries/{id}/proof', () => {
  it('200: proves the entry to this project’s verifier and to an independent one', async () => {
    const key = await publicKey(service());
    for (const { id, index } of Object.values(receipts)) {
      const { status, text, headers } = await read(service(), 'grace', `entries/${id}/proof`);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/plain; charset=utf-8');
      const { canonical } = (await read(service(), 'grace', `entries/${id}`)).body;
      const verifier = NoteVerifier.parse(key);
      const trust = { origin: 'localhost/acs-identity', verifiers: [verifier] };
      expect(verifyProofFile(text, Buffer.from(canonical), trust).index).toBe(index);
      expect(isProven(canonical, text, key)).toBe(true);
    }
  });

  it('proves nothing but the very bytes of the entry', async () => {
    const key = await publicKey(service());
    const { text } = await read(service(), 'grace', `entries/${receipts.alice.id}/proof`);
    const { canonical } = (await read(service(), 'grace', `entries/${receipts.alice.id}`)).body;
    const { canonical: other } = (await read(service(), 'grace', `entries/${receipts.bob.id}`))
      .body;
    expect(isProven(other, text, key)).toBe(false);
    expect(isProven(`${canonical} `, text, key)).toBe(false);
    expect(isProven(canonical, text.replace(/index (\d+)/, 'index 0'), key)).toBe(false);
    expect(isProven(canonical, text.replace(/\n(\d+)\n/, '\n1$1\n'), key)).toBe(false);
  });
});

describe('an auditor of another tenant', () => {
  it('200: sees what people of the own tenant did and what was done to them, and nothing else', async () => {
    const { body } = await search({ limit: '1000' }, 'ivan');
    expect(idsOf(body)).toContain(receipts.olga.id);
    for (const { entry } of body.items) {
      expect([entry.actor.tenant, entry.target?.tenant]).toContain(SAMPLE_TENANTS.second.id);
    }
  });

  it('200: finds nothing of others, however it asks', async () => {
    for (const query of [
      { actorTenant: SAMPLE_TENANTS.home.id },
      { actorSubject: SAMPLE_PEOPLE.alice.objectId },
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
      indexes.push(...indexesOf(body));
      cursor = body.nextCursor;
    }
    expect(indexes).toEqual(whole.map(({ index }) => index));
  });

  it('200: gets and proves its own entries; 404: the others do not exist for it', async () => {
    expect((await read(service(), 'ivan', `entries/${receipts.olga.id}`)).status).toBe(200);
    const { text } = await read(service(), 'ivan', `entries/${receipts.olga.id}/proof`);
    const { canonical } = (await read(service(), 'ivan', `entries/${receipts.olga.id}`)).body;
    expect(isProven(canonical, text, await publicKey(service()))).toBe(true);
    const missing = await read(service(), 'ivan', 'entries/01890a5d-ac96-774b-bcce-b302099a8057');
    for (const path of [`entries/${receipts.alice.id}`, `entries/${receipts.alice.id}/proof`]) {
      const { status, body } = await read(service(), 'ivan', path);
      expect(status).toBe(404);
      expect({ ...body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    }
  });

  it.each(['statistics?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z', 'log/checkpoint'])(
    '403: has no access to %s, and the attempt is recorded',
    async (path) => {
      const { status, body } = await read(service(), 'ivan', path);
      expect(status).toBe(403);
      expect(body.type).toBe('urn:acs-identity:problem:audit-scope-exceeded');
      expect(await service().newestEntry()).toMatchObject({
        action: 'audit.read',
        outcome: 'denied',
        actor: { subject: SAMPLE_PEOPLE.ivan.objectId },
        reason: { code: 'audit-scope-exceeded' },
      });
    },
  );
});
