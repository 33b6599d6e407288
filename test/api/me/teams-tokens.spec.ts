import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import type { SampleCaller } from '../../support/service.js';

const service = runningService();

async function exchange(who: SampleCaller, body: unknown) {
  const token = await service().token(who);
  return call(service().url, 'post', '/v1/me/teams-tokens', { token, body });
}

async function teamsTokenOf(person: 'alice' | 'bob', claims: Record<string, unknown> = {}) {
  const token = await service().emulator.control.mintToken({ person, resource: 'teams', claims });
  service().scanner.forbid(token);
  return token;
}

describe('POST /v1/me/teams-tokens', () => {
  it('200: exchanges the caller’s own Teams token, and records it without either token', async () => {
    const teamsUserToken = await teamsTokenOf('alice');
    const { status, body, headers } = await exchange('alice', { teamsUserToken });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(Date.parse(body.expiresOn as string)).toBeGreaterThan(Date.now());
    const communicationUserId = `8:orgid:${SAMPLE_PEOPLE.alice.objectId}`;
    expect(body).toMatchObject({ communicationUserId });
    const entries = await service().auditEntries();
    expect(entries[(body.auditEntry as { index: number }).index]).toMatchObject({
      action: 'token.exchange',
      outcome: 'success',
      target: { communicationUserId },
      policy: { rule: 'default' },
      token: { fingerprint: expect.any(String) as string },
    });
    service().scanner.forbid(body.token as string);
    service().scanner.assertClean('the audit log', [JSON.stringify(entries)]);
  });

  it('400: refuses another person’s Teams token, and records the refusal', async () => {
    const { status, body } = await exchange('alice', { teamsUserToken: await teamsTokenOf('bob') });
    expect(status).toBe(400);
    expect(body.type).toBe('urn:acs-identity:problem:teams-token-refused');
    expect(await service().newestEntry()).toMatchObject({
      action: 'token.exchange',
      outcome: 'denied',
      reason: { code: 'teams-token-refused' },
    });
  });

  it('400: refuses a Teams token that was issued to another application', async () => {
    const teamsUserToken = await teamsTokenOf('alice', { appid: randomUUID(), azp: randomUUID() });
    expect((await exchange('alice', { teamsUserToken })).status).toBe(400);
  });

  it('400: refuses a token for another API in the place of a Teams token', async () => {
    const { control } = service().emulator;
    const teamsUserToken = await control.mintToken({ person: 'alice', resource: 'graph' });
    service().scanner.forbid(teamsUserToken);
    expect((await exchange('alice', { teamsUserToken })).status).toBe(400);
  });

  it.each([
    ['no token', {}],
    ['a user id in the body', { teamsUserToken: 'a.b.c', userId: randomUUID() }],
    ['an application id in the body', { teamsUserToken: 'a.b.c', appId: randomUUID() }],
    ['text that is not a token', { teamsUserToken: 'not a token' }],
    ['a number', { teamsUserToken: 7 }],
  ])('400: refuses %s, without echoing it', async (_what, sent) => {
    const { status, body, text } = await exchange('alice', sent);
    expect(status).toBe(400);
    expect(body.type).toBe('urn:acs-identity:problem:invalid-request');
    expect(text).not.toContain('not a token');
  });

  it('403: refuses app-only callers', async () => {
    const teamsUserToken = await teamsTokenOf('alice');
    const { status, headers } = await exchange('crm-service', { teamsUserToken });
    expect(status).toBe(403);
    expect(headers['www-authenticate']).toContain('insufficient_scope');
  });

  it('401: refuses a call without a token', async () => {
    const answer = await call(service().url, 'post', '/v1/me/teams-tokens', {
      body: { teamsUserToken: 'a.b.c' },
    });
    expect(answer.status).toBe(401);
  });
});
