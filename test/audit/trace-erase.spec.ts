import { beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { call } from '../environment/call.js';
import { runningService } from '../environment/running-service.js';
import { idsOf, publicKey, read, type Receipt } from './auditors.js';
import { isProven } from './independent-verifier.js';

const service = runningService();

interface Issued {
  readonly token: string;
  readonly auditEntry: Receipt;
  readonly identity: { readonly communicationUserId: string };
}

async function issue(
  who: 'alice' | 'bob' | 'olga',
  scopes: readonly string[] = ['voip'],
): Promise<Issued> {
  const token = await service().token(who);
  const { body } = await call(service().url, 'post', '/v1/me/tokens', { token, body: { scopes } });
  service().scanner.forbid(body.token);
  return body as Issued;
}

async function trace(
  body: unknown,
  who: 'grace' | 'ivan' | 'alice' = 'grace',
  url = service().url,
) {
  return call(url, 'post', '/v1/audit/trace', { token: await service().token(who), body });
}

describe('POST /v1/audit/trace', () => {
  it('200: leads from a leaked token to its issuance: person, caller, rule and live siblings', async () => {
    const leaked = await issue('alice');
    const sibling = await issue('alice', ['chat']);
    const { status, body, headers } = await trace({ token: leaked.token });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    const [issuance] = body.entries;
    expect(issuance).toMatchObject({
      index: leaked.auditEntry.index,
      entry: {
        id: leaked.auditEntry.id,
        action: 'token.issue',
        actor: {
          tenant: SAMPLE_TENANTS.home.id,
          subject: SAMPLE_PEOPLE.alice.objectId,
          clientApp: SAMPLE_APPS['sample-web-app'].clientId,
        },
        target: { communicationUserId: leaked.identity.communicationUserId },
        token: { scopes: ['voip'] },
      },
      personal: { actorDisplayName: SAMPLE_PEOPLE.alice.displayName },
    });
    expect(issuance.entry.policy.rule).toMatch(/\w/);
    expect(idsOf({ items: body.liveSiblings })).toContain(sibling.auditEntry.id);
    expect(idsOf({ items: body.liveSiblings })).not.toContain(leaked.auditEntry.id);
    expect(body.untriedKeys).toEqual([]);
  });

  it('200: takes the fingerprint of an entry for the token', async () => {
    const { auditEntry, token } = await issue('bob');
    const { body: shown } = await read(service(), 'grace', `entries/${auditEntry.id}`);
    const { body } = await trace({ fingerprint: shown.entry.token.fingerprint });
    expect(body).toEqual((await trace({ token })).body);
  });

  it('200: finds no sibling that was revoked', async () => {
    const { token } = await issue('olga');
    await issue('olga', ['chat']);
    const caller = await service().token('olga');
    await call(service().url, 'post', '/v1/me/tokens/revoke', { token: caller });
    expect((await trace({ token })).body.liveSiblings).toEqual([]);
  });

  it('200: says of a token that was not issued here that it knows nothing', async () => {
    const { status, body } = await trace({ token: 'eyJhbGciOiJSUzI1NiJ9.not.ours' });
    expect(status).toBe(200);
    expect(body).toEqual({ entries: [], liveSiblings: [], untriedKeys: [] });
  });

  it('200: still knows a token after the key of fingerprints was replaced', async () => {
    const { token, auditEntry } = await issue('bob', ['chat']);
    const value = 'another key of fingerprints, of 32 characters and more';
    await service().emulator.control.setSecret({ name: 'audit-fingerprint-key', value });
    const { url } = await service().addApi();
    const caller = await service().token('bob');
    const { body: later } = await call(url, 'post', '/v1/me/tokens', {
      token: caller,
      body: { scopes: ['chat', 'voip'] },
    });
    service().scanner.forbid(later.token);
    expect((await trace({ token }, 'grace', url)).body.entries[0].entry.id).toBe(auditEntry.id);
    const found = (await trace({ token: later.token }, 'grace', url)).body.entries;
    expect(idsOf({ items: found })).toContain(later.auditEntry.id);
    const shown = [auditEntry.id, later.auditEntry.id as string].map(async (id) =>
      read(service(), 'grace', `entries/${id}`),
    );
    const keys = (await Promise.all(shown)).map(
      ({ body }) => body.entry.token.fingerprintKey as string,
    );
    expect(new Set(keys).size).toBe(2);
  });

  it('records that somebody traced, never the token', async () => {
    const { token } = await issue('alice');
    await trace({ token });
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.trace',
      actor: { subject: SAMPLE_PEOPLE.grace.objectId },
    });
    const entries = await service().auditEntries();
    service().scanner.assertClean('the audit log', [JSON.stringify(entries)]);
  });

  it.each([
    ['nothing', {}],
    ['both', { token: 'x', fingerprint: 'x'.repeat(43) }],
    ['an empty token', { token: '' }],
    ['a token of 8 KB and more', { token: 'x'.repeat(8_193) }],
    ['a fingerprint that is none', { fingerprint: '../../etc/passwd' }],
    ['a list', []],
  ])('400: refuses %s', async (_what, body) => {
    expect((await trace(body)).status).toBe(400);
  });

  it('401, 403: is for auditors of the home tenant; the attempt of another is recorded', async () => {
    expect((await call(service().url, 'post', '/v1/audit/trace', { body: {} })).status).toBe(401);
    expect((await trace({ token: 'x' }, 'alice')).status).toBe(403);
    const { status, body } = await trace({ token: 'x' }, 'ivan');
    expect(status).toBe(403);
    expect(body.type).toBe('urn:acs-identity:problem:audit-scope-exceeded');
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.trace',
      outcome: 'denied',
    });
  });
});

describe('POST /v1/audit/erase', () => {
  const alice = { tenant: SAMPLE_TENANTS.home.id, subject: SAMPLE_PEOPLE.alice.objectId };
  let receipt: Receipt;
  beforeAll(async () => {
    receipt = (await issue('alice')).auditEntry;
    await issue('bob');
  });

  async function erase(body: unknown, person: 'grace' | 'ivan' = 'grace') {
    const token = await service().emulator.control.mintToken({
      person,
      claims: { scp: 'AuditLog.Erase.All', roles: null },
    });
    return call(service().url, 'post', '/v1/audit/erase', { token, body });
  }

  it('200: erases a person’s values everywhere, and leaves entry, hash and proof as they are', async () => {
    const { body: before } = await read(service(), 'grace', `entries/${receipt.id}`);
    expect(before.personal).toMatchObject({ actorDisplayName: SAMPLE_PEOPLE.alice.displayName });

    const { status, body } = await erase({ ...alice, reason: 'case 4711' });
    expect(status).toBe(200);
    expect(body.erasedRows).toBeGreaterThan(0);

    const { body: after } = await read(service(), 'grace', `entries/${receipt.id}`);
    expect(after).toEqual({ ...before, personal: {} });
    const { text } = await read(service(), 'grace', `entries/${receipt.id}/proof`);
    expect(isProven(after.canonical, text, await publicKey(service()))).toBe(true);
    const [row] = await service().rows<{ count: string }>(
      'SELECT count(*) FROM audit_personal WHERE display_name = $1',
      [SAMPLE_PEOPLE.alice.displayName],
    );
    expect(row?.count).toBe('0');
    const [others] = await service().rows<{ count: string }>(
      'SELECT count(*) FROM audit_personal WHERE display_name = $1',
      [SAMPLE_PEOPLE.bob.displayName],
    );
    expect(Number(others?.count)).toBeGreaterThan(0);
  });

  it('200: records the erasure with its reason, and may be repeated', async () => {
    const { body } = await erase({ ...alice, reason: 'case 4712' });
    expect(body.erasedRows).toBe(0);
    const { body: shown } = await read(service(), 'grace', `entries/${body.auditEntry.id}`);
    expect(shown.entry).toMatchObject({
      action: 'audit.erase',
      outcome: 'success',
      actor: { subject: SAMPLE_PEOPLE.grace.objectId },
      target: alice,
      reason: { detail: 'case 4712' },
    });
  });

  it('200: erases nothing of anyone for a person who never was', async () => {
    const { body } = await erase({ tenant: "x' OR '1'='1", subject: '\u0000%' });
    expect(body.erasedRows).toBe(0);
  });

  it.each([
    ['nobody', {}],
    ['a whole tenant', { tenant: alice.tenant }],
    ['an empty subject', { ...alice, subject: '' }],
    ['an unknown field', { ...alice, everything: true }],
    ['a list of subjects', { ...alice, subject: ['a', 'b'] }],
  ])('400: refuses %s', async (_what, body) => {
    expect((await erase(body)).status).toBe(400);
  });

  it('401, 403: takes a permission of its own, within the home tenant', async () => {
    const { url } = service();
    expect((await call(url, 'post', '/v1/audit/erase', { body: alice })).status).toBe(401);
    const token = await service().token('grace');
    const reading = await call(url, 'post', '/v1/audit/erase', { token, body: alice });
    expect(reading.status).toBe(403);
    expect(reading.body.type).toBe('urn:acs-identity:problem:insufficient-permission');
    const { status, body } = await erase(alice, 'ivan');
    expect(status).toBe(403);
    expect(body.type).toBe('urn:acs-identity:problem:audit-scope-exceeded');
  });
});
