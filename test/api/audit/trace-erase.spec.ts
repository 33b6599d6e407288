import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_APPS, SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { getAudit, idsOf, publicKey, type Receipt } from '../../support/audit-api.js';
import { call } from '../../support/call.js';
import { isProven } from '../../support/independent-verifier.js';
import { neverIssuedToken } from '../../support/never-issued-token.js';
import { runningService } from '../../support/running-service.js';
import { issue } from '../../support/tokens-api.js';

/** Recovery repeats a revocation that ACS did not confirm after 8 s instead of 30 s. */
const service = runningService({
  environment: {
    ACS_TIMEOUT_MS: '3000',
    ACS_BUDGET_MAX_WAIT_MS: '1000',
    MAPPING_LEASE_MS: '8000',
    MAPPING_SWEEP_SECONDS: '1',
  },
});

async function trace(
  body: unknown,
  who: 'grace' | 'ivan' | 'alice' = 'grace',
  url = service().url,
) {
  return call(url, 'post', '/v1/audit/trace', { token: await service().token(who), body });
}

describe('POST /v1/audit/trace', () => {
  it('200: finds the issuance of a leaked token: person, client app, rule and live siblings', async () => {
    const leaked = await issue(service(), 'alice', { scopes: ['voip'] });
    const sibling = await issue(service(), 'alice', { scopes: ['chat'] });
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

  it('200: accepts the fingerprint of an entry instead of the token', async () => {
    const { auditEntry, token } = await issue(service(), 'bob');
    const { body: shown } = await getAudit(service(), 'grace', `entries/${auditEntry.id}`);
    const { body } = await trace({ fingerprint: shown.entry.token.fingerprint });
    expect(body).toEqual((await trace({ token })).body);
  });

  it('200: finds the tokens that were issued to a token of a caller, by its id', async () => {
    const { auditEntry } = await issue(service(), 'bob');
    const { body: shown } = await getAudit(service(), 'grace', `entries/${auditEntry.id}`);
    const { tokenId } = shown.entry.actor;
    const { body } = await trace({ tokenId });
    expect(idsOf({ items: body.entries })).toContain(auditEntry.id);
    expect(body.tokens).toContainEqual({
      fingerprint: shown.entry.token.fingerprint,
      status: 'live',
      expiresOn: shown.entry.token.expiresOn,
      identityId: shown.entry.target.identityId,
      canRevoke: false,
    });
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.trace',
      details: { by: 'tokenId', tokenId, found: body.entries.length },
    });
    expect((await trace({ tokenId: 'of nobody' })).body).toMatchObject({ entries: [], tokens: [] });
  });

  it('200: returns no revoked sibling', async () => {
    const { token } = await issue(service(), 'olga');
    await issue(service(), 'olga', { scopes: ['chat'] });
    const caller = await service().token('olga');
    await call(service().url, 'post', '/v1/me/tokens/revoke', { token: caller });
    expect((await trace({ token })).body.liveSiblings).toEqual([]);
  });

  it.each([
    ['revoke', 'post', '/tokens/revoke'],
    ['delete', 'delete', ''],
  ] as const)(
    '200: calls no token revoked that ACS accepts, until it confirms the %s',
    async (operation, method, path) => {
      const { control } = service().emulator;
      const { token, identity } = await issue(service(), 'carol', { scopes: ['voip'] });
      const { auditEntry } = await issue(service(), 'carol', { scopes: ['chat'] });
      const administrator = await service().token('ada');
      await control.addFault({ service: 'acs', operation, kind: 'status', status: 503 });
      try {
        const request = { token: administrator, headers: { 'if-match': '*' } };
        const answer = await call(
          service().url,
          method,
          `/v1/identities/${identity.id}${path}`,
          request,
        );
        expect(answer.status).toBe(202);
        const { body } = await trace({ token });
        expect((await control.validateAcsToken(token)).valid).toBe(true);
        expect(body.tokens).toMatchObject([{ status: 'live' }]);
        expect(body.tokens[0].revocationRequestedAt).toMatch(/Z$/);
        expect(body.tokens[0]).not.toHaveProperty('revocationConfirmedAt');
        expect(idsOf({ items: body.liveSiblings })).toEqual([auditEntry.id]);
      } finally {
        await control.removeFaults();
      }
      const isRevoked = async (): Promise<boolean> =>
        (await trace({ token })).body.tokens[0].status === 'revoked';
      await expect.poll(isRevoked, { timeout: 60_000 }).toBe(true);
      const { body } = await trace({ token });
      expect(body.tokens[0].revocationConfirmedAt).toMatch(/Z$/);
      expect(body.liveSiblings).toEqual([]);
      expect((await control.validateAcsToken(token)).valid).toBe(false);
    },
  );

  it.each([
    ['JSON', (token: string) => `"token": "${token}",`],
    ['an address', (token: string) => `https://app.example/join?access_token=${token}&x=1`],
    [
      'a command of a caller',
      (token: string, caller: string) => `-H 'authorization: Bearer ${caller}' -d '${token}'`,
    ],
    // Line breaks are refused in every body.
    ['blanks of broken lines', (token: string) => token.replaceAll(/.{76}/g, '$& ')],
  ])('200: finds a token in %s', async (_where, around) => {
    const { token, auditEntry } = await issue(service(), 'bob');
    const text = around(token, await service().token('bob'));
    const { status, body } = await trace({ token: text });
    expect(status).toBe(200);
    expect(idsOf({ items: body.entries })).toContain(auditEntry.id);
  });

  it('400: refuses a text without a whole token, of which it can’t say whose it is', async () => {
    const { token } = await issue(service(), 'bob');
    for (const text of ['never issued', 'eyJhbGciOiJSUzI1NiJ9.not.ours', token.slice(0, -9)]) {
      const { status, body } = await trace({ token: text });
      expect(status).toBe(400);
      expect(body.errors).toEqual([{ pointer: '/token', detail: 'must have a whole token in it' }]);
    }
  });

  it('200: finds nothing for a token that was not issued here', async () => {
    const { status, body } = await trace({ token: neverIssuedToken() });
    expect(status).toBe(200);
    expect(body).toEqual({ entries: [], tokens: [], liveSiblings: [], untriedKeys: [] });
  });

  it('records the trace without the token', async () => {
    const { token } = await issue(service(), 'alice');
    await trace({ token });
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.trace',
      actor: { subject: SAMPLE_PEOPLE.grace.objectId },
    });
    const entries = await service().auditEntries();
    service().scanner.assertClean('the audit log', [JSON.stringify(entries)]);
  });

  it.each([
    ['an empty request', {}],
    ['token and fingerprint', { token: 'x', fingerprint: 'x'.repeat(43) }],
    ['an empty token', { token: '' }],
    ['a token of 8,193 characters', { token: 'x'.repeat(8_193) }],
    ['a malformed fingerprint', { fingerprint: '../../etc/passwd' }],
    ['a list', []],
  ])('400: refuses %s', async (_what, body) => {
    expect((await trace(body)).status).toBe(400);
  });

  it('401, 403: serves auditors of the home tenant only; the refusal of another tenant is recorded', async () => {
    const { url } = service();
    const anonymous = await call(url, 'post', '/v1/audit/trace', { body: { token: 'x' } });
    expect(anonymous.status).toBe(401);
    expect((await trace({ token: 'x' }, 'alice')).status).toBe(403);
    const { status, body } = await trace({ token: neverIssuedToken() }, 'ivan');
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
    receipt = (await issue(service(), 'alice')).auditEntry;
    await issue(service(), 'bob');
  });

  async function erase(body: unknown, person: 'grace' | 'ivan' = 'grace') {
    const token = await service().emulator.control.mintToken({
      person,
      claims: { scp: 'AuditLog.Erase.All', roles: ['AuditLog.Erase.All'] },
    });
    return call(service().url, 'post', '/v1/audit/erase', { token, body });
  }

  it('200: erases a person’s values, and leaves entries, hashes and proofs as they are', async () => {
    const { body: before } = await getAudit(service(), 'grace', `entries/${receipt.id}`);
    expect(before.personal).toMatchObject({ actorDisplayName: SAMPLE_PEOPLE.alice.displayName });

    const { status, body } = await erase({ ...alice, reason: 'case 4711' });
    expect(status).toBe(200);
    expect(body.erasedRows).toBeGreaterThan(0);

    const { body: after } = await getAudit(service(), 'grace', `entries/${receipt.id}`);
    const erased = ['actorDisplayName', 'clientAddress'];
    expect(after).toEqual({ ...before, erased, personal: {} });
    const { text } = await getAudit(service(), 'grace', `entries/${receipt.id}/proof`);
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

  it('200: records the erasure with its reason; a repeat erases nothing', async () => {
    const { body } = await erase({ ...alice, reason: 'case 4712' });
    expect(body.erasedRows).toBe(0);
    const { body: shown } = await getAudit(service(), 'grace', `entries/${body.auditEntry.id}`);
    expect(shown.entry).toMatchObject({
      action: 'audit.erase',
      outcome: 'success',
      actor: { subject: SAMPLE_PEOPLE.grace.objectId },
      target: alice,
      reason: { detail: 'case 4712' },
    });
  });

  it('200: a person may be named in capitals', async () => {
    const capitals = { tenant: alice.tenant.toUpperCase(), subject: alice.subject.toUpperCase() };
    expect((await erase(capitals)).status).toBe(200);
  });

  it.each([
    ['an unknown subject', { ...alice, subject: randomUUID() }],
    ['an unknown tenant', { ...alice, tenant: randomUUID() }],
    ['an unknown tenant in capitals', { ...alice, tenant: randomUUID().toUpperCase() }],
    ['a person of another tenant', { ...alice, tenant: SAMPLE_TENANTS.second.id }],
    ['tenant and subject exchanged', { tenant: alice.subject, subject: alice.tenant }],
    ['a name', { ...alice, subject: SAMPLE_PEOPLE.alice.displayName }],
    ['SQL', { tenant: "x' OR '1'='1", subject: '%' }],
  ])('404: the log has nothing about %s, however often it is named', async (_what, nobody) => {
    const token = await service().token('ada');
    await call(service().url, 'get', `/v1/identities?subject=${nobody.subject}`, { token });
    await call(service().url, 'post', '/v1/identities/erase', { token, body: nobody });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { status, body } = await erase(nobody);
      expect(status).toBe(404);
      expect(body.type).toBe('urn:acs-identity:problem:person-not-in-log');
      expect(await service().newestEntry()).toMatchObject({
        action: 'audit.erase',
        outcome: 'denied',
      });
    }
  });

  it('404, 400: a communicationUserId is neither a subject nor a member', async () => {
    const { communicationUserId } = (await issue(service(), 'alice')).identity;
    expect((await erase({ ...alice, subject: communicationUserId })).status).toBe(404);
    expect((await erase({ communicationUserId })).status).toBe(400);
  });

  it.each([
    ['an empty request', {}],
    ['a tenant without a subject', { tenant: alice.tenant }],
    ['an empty subject', { ...alice, subject: '' }],
    ['an unknown field', { ...alice, everything: true }],
    ['a null byte', { ...alice, subject: '\u0000%' }],
    ['a list of subjects', { ...alice, subject: ['a', 'b'] }],
  ])('400: refuses %s', async (_what, body) => {
    expect((await erase(body)).status).toBe(400);
  });

  it('401, 403: needs AuditLog.Erase.All, in the home tenant', async () => {
    const { url } = service();
    expect((await call(url, 'post', '/v1/audit/erase', { body: alice })).status).toBe(401);
    const token = await service().token('grace');
    const reading = await call(url, 'post', '/v1/audit/erase', { token, body: alice });
    expect(reading.status).toBe(403);
    expect(reading.body.type).toBe('urn:acs-identity:problem:insufficient-permission');
    for (const person of [alice, { ...alice, subject: randomUUID() }]) {
      const { status, body } = await erase(person, 'ivan');
      expect(status).toBe(403);
      expect(body.type).toBe('urn:acs-identity:problem:audit-scope-exceeded');
    }
  });
});
