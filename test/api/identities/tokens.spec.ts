import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import type { SampleCaller } from '../../support/service.js';
import { issue, type IssuedToken, newPerson } from '../../support/tokens-api.js';

const service = runningService();
let alice: IssuedToken['identity'];

beforeAll(async () => {
  alice = (await issue(service(), 'alice')).identity;
});

async function issueFor(id: string, who: SampleCaller, body: unknown = {}) {
  const token = await service().token(who);
  return call(service().url, 'post', `/v1/identities/${id}/tokens`, { token, body });
}

describe('POST /v1/identities/{id}/tokens', () => {
  it('200: issues another identity’s token to an app with the permission, and records both', async () => {
    const { status, body, headers } = await issueFor(alice.id, 'crm-service', { scopes: ['voip'] });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.identity).toMatchObject(alice);
    expect(await service().emulator.control.validateAcsToken(body.token)).toMatchObject({
      valid: true,
      communicationUserId: alice.communicationUserId,
    });
    expect((await service().auditEntries())[body.auditEntry.index]).toMatchObject({
      action: 'token.issue',
      outcome: 'success',
      actor: { kind: 'service' },
      target: { communicationUserId: alice.communicationUserId },
      policy: { rule: 'default' },
      details: { forOthers: true },
    });
  });

  it('400: refuses a malformed id, and a body with faults', async () => {
    expect((await issueFor('alice', 'crm-service')).status).toBe(400);
    expect((await issueFor(alice.id, 'crm-service', { scopes: ['video'] })).status).toBe(400);
  });

  it('401, 403: refuses calls without a token, and callers who may only issue for themselves', async () => {
    const path = `/v1/identities/${alice.id}/tokens`;
    expect((await call(service().url, 'post', path, { body: {} })).status).toBe(401);
    expect((await issueFor(alice.id, 'alice')).status).toBe(403);
    expect((await issueFor(alice.id, 'support-bot')).status).toBe(403);
  });

  it('403: issues nothing for a suspended identity', async () => {
    const ada = await service().token('ada');
    const { id } = (await issue(service(), 'bob')).identity;
    const path = `/v1/identities/${id}`;
    const { headers } = await call(service().url, 'get', path, { token: ada });
    const change = {
      token: ada,
      body: { status: 'suspended' },
      headers: { 'if-match': headers.etag ?? '' },
    };
    expect((await call(service().url, 'patch', path, change)).status).toBe(200);
    await expect
      .poll(async () => (await issueFor(id, 'crm-service')).body.type as string)
      .toBe('urn:acs-identity:problem:mapping-not-active');
  });

  it('404: does not distinguish another tenant’s identity from a missing one', async () => {
    const roles = ['CommunicationToken.Issue.All', 'CommunicationToken.Revoke.All'];
    const token = await service().emulator.control.mintToken({
      person: 'olga',
      claims: { scp: roles.join(' '), roles },
    });
    for (const route of ['tokens', 'tokens/revoke']) {
      const [theirs, missing] = await Promise.all(
        [alice.id, randomUUID()].map(async (id) =>
          call(service().url, 'post', `/v1/identities/${id}/${route}`, { token }),
        ),
      );
      expect(theirs?.status).toBe(404);
      const { requestId: _one, ...actual } = theirs?.body as Record<string, unknown>;
      const { requestId: _other, ...expected } = missing?.body as Record<string, unknown>;
      expect(actual).toEqual(expected);
    }
  });
});

describe('POST /v1/identities/{id}/tokens/revoke', () => {
  it('202: revokes another identity’s tokens; 403: not without the permission', async () => {
    const { token, identity } = await issue(service(), await newPerson(service()));
    const revoke = async (who: SampleCaller) =>
      call(service().url, 'post', `/v1/identities/${identity.id}/tokens/revoke`, {
        token: await service().token(who),
      });
    expect((await revoke('crm-service')).status).toBe(403);
    expect((await revoke('ada')).status).toBe(202);
    const isValid = async () => (await service().emulator.control.validateAcsToken(token)).valid;
    await expect.poll(isValid).toBe(false);
  });
});
