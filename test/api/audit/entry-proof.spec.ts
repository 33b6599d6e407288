import { beforeAll, describe, expect, it } from 'vitest';
import { NoteVerifier, verifyProofFile } from '#libs/transparency-log';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import { getAudit, idsOf, indexesOf, publicKey, type Receipt } from '../../support/audit-api.js';
import { isProven } from '../../support/independent-verifier.js';
import { runningService } from '../../support/running-service.js';
import { issue } from '../../support/tokens-api.js';

const service = runningService();
const receipts = {} as Record<'alice' | 'bob' | 'olga', Receipt>; // filled before any spec runs

beforeAll(async () => {
  for (const who of ['alice', 'bob', 'olga'] as const) {
    receipts[who] = (await issue(service(), who)).auditEntry;
  }
  await getAudit(service(), 'mallory', 'entries');
});

async function search(query: Record<string, string>, who: 'grace' | 'ivan' = 'grace') {
  return getAudit(service(), who, `entries?${new URLSearchParams(query).toString()}`);
}

describe('GET /v1/audit/entries/{id}', () => {
  it('200: returns an entry with its canonical bytes and its personal values', async () => {
    const { status, body, headers } = await getAudit(
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

  it('200: ignores the case of the id', async () => {
    expect(
      (await getAudit(service(), 'grace', `entries/${receipts.alice.id.toUpperCase()}`)).status,
    ).toBe(200);
  });

  it.each([
    ['an unknown id', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['a UUID of another version', 'b9a1f0a2-5d3c-4a52-8a0b-1f6f0d2f7c11'],
    ['an id of a time after the year 9999', 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
    ['an id of 1970', '00000000-0000-7000-8000-000000000000'],
  ])('404: finds no entry by %s', async (_what, id) => {
    for (const path of [`entries/${id}`, `entries/${id}/proof`]) {
      const { status, body } = await getAudit(service(), 'grace', path);
      expect(status).toBe(404);
      expect(body.type).toBe('urn:acs-identity:problem:audit-entry-not-found');
    }
  });

  it.each(['17', 'x', '..%2f..', '0'.repeat(36)])('400: refuses the id %s', async (id) => {
    expect((await getAudit(service(), 'grace', `entries/${id}`)).status).toBe(400);
  });

  it('401, 403: refuses calls without a token, and callers who are not auditors', async () => {
    const path = `/v1/audit/entries/${receipts.alice.id}`;
    expect((await call(service().url, 'get', path)).status).toBe(401);
    expect((await getAudit(service(), 'alice', `entries/${receipts.alice.id}`)).status).toBe(403);
  });
});

describe('GET /v1/audit/entries/{id}/proof', () => {
  it('200: proves the entry to this project’s verifier and to an independent verifier', async () => {
    const key = await publicKey(service());
    for (const { id, index } of Object.values(receipts)) {
      const { status, text, headers } = await getAudit(service(), 'grace', `entries/${id}/proof`);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/plain; charset=utf-8');
      const { canonical } = (await getAudit(service(), 'grace', `entries/${id}`)).body;
      const verifier = NoteVerifier.parse(key);
      const trust = { origin: 'localhost/acs-identity', verifiers: [verifier] };
      expect(verifyProofFile(text, Buffer.from(canonical), trust).index).toBe(index);
      expect(isProven(canonical, text, key)).toBe(true);
    }
  });

  it('proves no other bytes, index or size', async () => {
    const key = await publicKey(service());
    const { text } = await getAudit(service(), 'grace', `entries/${receipts.alice.id}/proof`);
    const { canonical } = (await getAudit(service(), 'grace', `entries/${receipts.alice.id}`)).body;
    const { canonical: other } = (await getAudit(service(), 'grace', `entries/${receipts.bob.id}`))
      .body;
    expect(isProven(other, text, key)).toBe(false);
    expect(isProven(`${canonical} `, text, key)).toBe(false);
    expect(isProven(canonical, text.replace(/index (\d+)/, 'index 0'), key)).toBe(false);
    expect(isProven(canonical, text.replace(/\n(\d+)\n/, '\n1$1\n'), key)).toBe(false);
  });
});

describe('an auditor of another tenant', () => {
  it('200: sees entries whose actor or target is of the own tenant, and no others', async () => {
    const { body } = await search({ limit: '1000' }, 'ivan');
    expect(idsOf(body)).toContain(receipts.olga.id);
    for (const { entry } of body.items) {
      expect([entry.actor.tenant, entry.target?.tenant]).toContain(SAMPLE_TENANTS.second.id);
    }
  });

  it('200: finds no entry of another tenant by any filter', async () => {
    for (const query of [
      { actorTenant: SAMPLE_TENANTS.home.id },
      { actorSubject: SAMPLE_PEOPLE.alice.objectId },
      { reasonCode: 'insufficient-permission' },
    ] as Record<string, string>[]) {
      const { body } = await search(query, 'ivan');
      expect(body).toMatchObject({ items: [], isComplete: true });
    }
  });

  it('200: pages through the own entries without a gap', async () => {
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

  it('200: reads and proves own entries; 404: does not distinguish other entries from missing ones', async () => {
    expect((await getAudit(service(), 'ivan', `entries/${receipts.olga.id}`)).status).toBe(200);
    const { text } = await getAudit(service(), 'ivan', `entries/${receipts.olga.id}/proof`);
    const { canonical } = (await getAudit(service(), 'ivan', `entries/${receipts.olga.id}`)).body;
    expect(isProven(canonical, text, await publicKey(service()))).toBe(true);
    const missing = await getAudit(
      service(),
      'ivan',
      'entries/01890a5d-ac96-774b-bcce-b302099a8057',
    );
    for (const path of [`entries/${receipts.alice.id}`, `entries/${receipts.alice.id}/proof`]) {
      const { status, body } = await getAudit(service(), 'ivan', path);
      expect(status).toBe(404);
      expect({ ...body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    }
  });

  it.each(['statistics?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z', 'log/tile/entries/000'])(
    '403: is refused %s, and the refusal is recorded',
    async (path) => {
      const { status, body } = await getAudit(service(), 'ivan', path);
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
