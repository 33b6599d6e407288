import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type MintRequest, SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { issue, newPerson, requestToken } from '../../support/tokens-api.js';

const service = runningService();

describe('POST /v1/me/tokens', () => {
  it('200: returns a token that ACS accepts for the identity and scopes of the response', async () => {
    const { status, body, headers } = await requestToken(service(), 'alice', {
      scopes: ['voip', 'chat'],
    });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.scopes).toEqual(['chat', 'voip']);
    expect(await service().emulator.control.validateAcsToken(body.token)).toMatchObject({
      valid: true,
      communicationUserId: body.identity.communicationUserId,
      scopes: ['chat', 'voip'],
    });
  });

  it('200: returns the same identity to the same person, and another identity to another person', async () => {
    const [first, second, other] = [
      await requestToken(service(), 'alice'),
      await requestToken(service(), 'alice'),
      await requestToken(service(), 'bob'),
    ];
    expect(second.body.identity).toEqual(first.body.identity);
    expect(other.body.identity.communicationUserId).not.toBe(
      first.body.identity.communicationUserId,
    );
  });

  it('200: applies the defaults of the policy to a request without a body', async () => {
    const token = await service().token('alice');
    const { status, body } = await call(service().url, 'post', '/v1/me/tokens', { token });
    expect(status).toBe(200);
    expect(body.scopes).toEqual(['voip']);
  });

  it('200: takes an empty body for none, whatever its content type', async () => {
    const authorization = `Bearer ${await service().token('alice')}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const response = await fetch(`${service().url}/v1/me/tokens`, {
      ...{ method: 'POST', headers, body: '' },
    });
    expect(response.status).toBe(200);
    service().scanner.forbid(((await response.json()) as { token: string }).token);
  });

  it('200: issues the requested lifetime', async () => {
    const { body } = await requestToken(service(), 'alice', { expiresInMinutes: 1440 });
    const minutes = (Date.parse(body.expiresOn) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(1438);
    expect(minutes).toBeLessThan(1441);
  });

  it('200: identifies an app as a service, and a configured app as a bot', async () => {
    expect((await requestToken(service(), 'crm-service')).body.identity.kind).toBe('service');
    expect((await requestToken(service(), 'support-bot')).body.identity.kind).toBe('bot');
    expect((await requestToken(service(), 'carol')).body.identity.kind).toBe('user');
  });

  it('200: has recorded the issuance: actor, target, scopes, version of the credential and ACS’s correlation vector', async () => {
    const { body } = await requestToken(service(), 'alice', { scopes: ['chat'] });
    const entry = (await service().auditEntries())[body.auditEntry.index];
    expect(entry).toMatchObject({
      id: body.auditEntry.id,
      action: 'token.issue',
      outcome: 'success',
      actor: { kind: 'user' },
      target: { communicationUserId: body.identity.communicationUserId },
      token: { scopes: ['chat'] },
    });
    expect(entry?.upstream?.secretVersion).toMatch(/\w{8,}/);
    expect(entry?.upstream?.correlationVector).toMatch(/\w{8,}/);
    service().scanner.assertClean('the audit log', [
      JSON.stringify(await service().auditEntries()),
    ]);
  });

  it.each([
    ['an unknown field', { colour: 'red' }, ['/colour']],
    ['an unknown scope', { scopes: ['video'] }, ['/scopes/0']],
    ['no scopes', { scopes: [] }, ['/scopes']],
    ['a lifetime below ACS’s minimum', { expiresInMinutes: 59 }, ['/expiresInMinutes']],
    ['a lifetime above ACS’s maximum', { expiresInMinutes: 1441 }, ['/expiresInMinutes']],
    ['a fractional lifetime', { expiresInMinutes: 60.5 }, ['/expiresInMinutes']],
    ['a string instead of a number', { expiresInMinutes: '60' }, ['/expiresInMinutes']],
    ['an array instead of an object', [], ['']],
    [
      'several faults at once',
      { scopes: ['video', 'chat', 7], expiresInMinutes: 1, colour: 'red' },
      ['/colour', '/expiresInMinutes', '/scopes/0', '/scopes/2'],
    ],
  ])('400: lists every fault of %s', async (_what, body, pointers) => {
    const answer = await requestToken(service(), 'alice', body);
    expect(answer.status).toBe(400);
    expect(answer.body.type).toBe('urn:acs-identity:problem:invalid-request');
    const named = (answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(named.sort()).toEqual(pointers);
  });

  it.each([
    ['400', 'broken JSON', '{"scopes":', 'application/json', 'invalid-request'],
    [
      '400',
      'a body with __proto__',
      '{"__proto__":{"a":1}}',
      'application/json',
      'invalid-request',
    ],
    [
      '413',
      'a body over 16 KB',
      JSON.stringify({ a: 'x'.repeat(17_000) }),
      'application/json',
      'request-too-large',
    ],
    ['415', 'plain text', '{}', 'text/plain', 'unsupported-media-type'],
    ['415', 'a form', 'scopes=chat', 'application/x-www-form-urlencoded', 'unsupported-media-type'],
    ['415', 'XML', '<scopes/>', 'application/xml', 'unsupported-media-type'],
  ])('%s: refuses %s', async (status, _what, body, type, code) => {
    const answer = await call(service().url, 'post', '/v1/me/tokens', {
      token: await service().token('alice'),
      body,
      headers: { 'content-type': type },
    });
    expect(answer.status).toBe(Number(status));
    expect(answer.body.type).toBe(`urn:acs-identity:problem:${code}`);
  });

  const json = 'application/json';
  it.each<[number, Record<string, string>]>([
    [415, { 'content-encoding': 'gzip' }],
    [415, { 'content-encoding': 'identity, br' }],
    [415, { 'content-type': `${json}; charset=utf-16` }],
    [415, { 'content-type': `${json}; charset="ISO-8859-1"` }],
    [200, { 'content-encoding': 'identity' }],
    [200, { 'content-type': `${json};charset=UTF-8` }],
    [200, { 'content-type': `${json}; charset="utf-8"` }],
  ])('%i: for a body with %j', async (status, headers) => {
    const token = await service().token('alice');
    const answer = await call(service().url, 'post', '/v1/me/tokens', {
      ...{ token, body: {} },
      headers: { 'content-type': json, ...headers },
    });
    expect(answer.status).toBe(status);
    if (status === 200) service().scanner.forbid(String(answer.body.token));
    else expect(answer.body.type).toBe('urn:acs-identity:problem:unsupported-encoding');
  });

  it('401: challenges a call without a token, without an error code', async () => {
    const { status, headers, body } = await call(service().url, 'post', '/v1/me/tokens', {
      body: {},
    });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Bearer realm="[^"]+"$/);
    expect(body.type).toBe('urn:acs-identity:problem:unauthenticated');
  });

  it.each([
    ['malformed', async () => Promise.resolve('not-a-token')],
    [
      'expired',
      async () => service().emulator.control.mintToken({ person: 'alice', expiresInSeconds: -600 }),
    ],
    [
      'for another audience',
      async () =>
        service().emulator.control.mintToken({ person: 'alice', claims: { aud: 'api://other' } }),
    ],
    [
      'from another issuer',
      async () =>
        service().emulator.control.mintToken({
          person: 'alice',
          claims: { iss: 'https://evil.example/v2.0' },
        }),
    ],
    [
      'signed by an unknown key',
      async () => service().emulator.control.mintToken({ person: 'alice', sign: 'unknown' }),
    ],
    [
      'unsigned',
      async () => service().emulator.control.mintToken({ person: 'alice', sign: 'none' }),
    ],
  ])('401: refuses a token that is %s, without a reason', async (_what, mint) => {
    const answer = await call(service().url, 'post', '/v1/me/tokens', {
      token: await mint(),
      body: {},
    });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(answer.body.type).toBe('urn:acs-identity:problem:invalid-token');
  });

  it('403: names the missing permission in the challenge, and records the refusal', async () => {
    const { status, headers, body } = await requestToken(service(), 'mallory');
    expect(status).toBe(403);
    expect(headers['www-authenticate']).toContain('error="insufficient_scope"');
    expect(headers['www-authenticate']).toContain('scope="CommunicationToken.Issue"');
    expect(body.type).toBe('urn:acs-identity:problem:insufficient-permission');
    await expect
      .poll(async () =>
        (await service().auditEntries()).map(({ action, outcome }) => `${action} ${outcome}`),
      )
      .toContain('authorization.deny denied');
  });

  it('404: returns problem details for an unknown route', async () => {
    const answer = await call(service().url, 'get', '/v1/nowhere');
    expect(answer.status).toBe(404);
    expect(answer.body.type).toBe('urn:acs-identity:problem:route-not-found');
  });

  it('200: uses the caller’s request id in the response and in the audit entry', async () => {
    const requestId = 'trace-me-0001';
    const { body, headers } = await call(service().url, 'post', '/v1/me/tokens', {
      token: await service().token('alice'),
      body: {},
      headers: { 'x-request-id': requestId },
    });
    expect(headers['x-request-id']).toBe(requestId);
    expect((await service().auditEntries())[body.auditEntry.index]?.request?.id).toBe(requestId);
  });
});

describe('GET /v1/me', () => {
  const get = async (token?: string) =>
    call(service().url, 'get', '/v1/me', token === undefined ? {} : { token });

  it.each([
    ['grace', { audit: 'all', isHomeTenant: true, permissions: ['AuditLog.Read.All'] }],
    ['ivan', { audit: 'tenant', isHomeTenant: false, permissions: ['AuditLog.Read.All'] }],
    ['alice', { audit: 'none', isHomeTenant: true, permissions: ['CommunicationToken.Issue'] }],
    ['mallory', { audit: 'none', isHomeTenant: true, permissions: [] }],
  ] as const)('200: shows %s what she or he may do', async (who, expected) => {
    const { status, body } = await get(await service().token(who));
    expect(status).toBe(200);
    expect(body).toEqual({
      ...expected,
      displayName: expect.any(String),
      tenant: expect.any(String),
      subject: SAMPLE_PEOPLE[who].objectId,
    });
  });

  it('401: refuses a call without a token', async () => {
    expect((await get()).status).toBe(401);
  });

  it('leaves no entry', async () => {
    const before = await service().newestEntry();
    await get(await service().token('grace'));
    expect(await service().newestEntry()).toEqual(before);
  });
});

describe('tokens of Entra as callers have them', () => {
  const now = Math.floor(Date.now() / 1000);
  const aDay = { iat: now - 300, nbf: now - 300, exp: now + 86_400 };

  it.each<[string, MintRequest]>([
    [
      'a managed or workload identity, whose token is back-dated and lives 24 hours',
      { app: 'crm-service', claims: { ...aDay, idtyp: 'app' } },
    ],
    ['a person under a policy of one-day tokens', { person: 'alice', claims: aDay }],
    [
      'a person in 200 groups',
      { person: 'alice', claims: { groups: Array.from({ length: 200 }, () => randomUUID()) } },
    ],
    [
      'a person in more groups than a token holds',
      {
        person: 'alice',
        claims: {
          _claim_names: { groups: 'src1' },
          _claim_sources: { src1: { endpoint: 'https://graph.microsoft.com/v1.0/me' } },
        },
      },
    ],
    [
      'a person with several scopes, and with roles',
      {
        person: 'alice',
        claims: { scp: 'openid CommunicationToken.Issue profile', roles: ['AuditLog.Read.All'] },
      },
    ],
    ['a guest with a Microsoft account', { person: 'carol', claims: { idp: 'live.com' } }],
    ['a guest with a code by mail', { person: 'carol', claims: { idp: 'mail' } }],
  ])('200: serve %s', async (_whom, request) => {
    const bearer = await service().emulator.control.mintToken(request);
    const { token } = await issue(service(), { oid: '', bearer });
    expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({ valid: true });
  });
});

describe('GET /v1/me/identity', () => {
  it('404 before the first token, 200 after it', async () => {
    const person = await newPerson(service());
    const get = async () => call(service().url, 'get', '/v1/me/identity', { token: person.bearer });
    const before = await get();
    expect(before.status).toBe(404);
    expect(before.body.type).toBe('urn:acs-identity:problem:mapping-not-found');
    const { identity } = await issue(service(), person);
    const after = await get();
    expect(after.status).toBe(200);
    expect(after.body).toEqual(identity);
  });
});
