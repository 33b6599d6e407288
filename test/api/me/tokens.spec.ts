import { describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';

const service = runningService();

async function issue(who: Parameters<ReturnType<typeof service>['token']>[0], body: unknown = {}) {
  return call(service().url, 'post', '/v1/me/tokens', { token: await service().token(who), body });
}

describe('POST /v1/me/tokens', () => {
  it('200: gives alice a token that ACS takes for the identity and scopes it names', async () => {
    const { status, body, headers } = await issue('alice', { scopes: ['voip', 'chat'] });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(body.scopes).toEqual(['chat', 'voip']);
    expect(await service().emulator.control.validateAcsToken(body.token)).toMatchObject({
      valid: true,
      communicationUserId: body.identity.communicationUserId,
      scopes: ['chat', 'voip'],
    });
  });

  it('200: gives the same person the same identity each time, and another person another one', async () => {
    const [first, second, other] = [await issue('alice'), await issue('alice'), await issue('bob')];
    expect(second.body.identity).toEqual(first.body.identity);
    expect(other.body.identity.communicationUserId).not.toBe(
      first.body.identity.communicationUserId,
    );
  });

  it('200: takes a request without a body for one that leaves everything to the policy', async () => {
    const token = await service().token('alice');
    const { status, body } = await call(service().url, 'post', '/v1/me/tokens', { token });
    expect(status).toBe(200);
    expect(body.scopes).toEqual(['voip']);
  });

  it('200: honours the lifetime that is asked for', async () => {
    const { body } = await issue('alice', { expiresInMinutes: 1440 });
    const minutes = (Date.parse(body.expiresOn) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(1438);
    expect(minutes).toBeLessThan(1441);
  });

  it('200: serves an app on its own as a service, and a configured one as a bot', async () => {
    expect((await issue('crm-service')).body.identity.kind).toBe('service');
    expect((await issue('support-bot')).body.identity.kind).toBe('bot');
    expect((await issue('carol')).body.identity.kind).toBe('user');
  });

  it('records each issuance before the answer leaves, with who, what, the key’s version and ACS’s correlation', async () => {
    const { body } = await issue('alice', { scopes: ['chat'] });
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
    service().scanner.forbid(body.token);
    service().scanner.assertClean('the audit log', [
      JSON.stringify(await service().auditEntries()),
    ]);
  });

  it.each([
    ['an unknown field', { colour: 'red' }, ['']],
    ['an unknown scope', { scopes: ['video'] }, ['/scopes/0']],
    ['no scope at all', { scopes: [] }, ['/scopes']],
    ['a lifetime below what ACS gives', { expiresInMinutes: 59 }, ['/expiresInMinutes']],
    ['a lifetime above what ACS gives', { expiresInMinutes: 1441 }, ['/expiresInMinutes']],
    ['a lifetime that is no whole number', { expiresInMinutes: 60.5 }, ['/expiresInMinutes']],
    ['text for a number', { expiresInMinutes: '60' }, ['/expiresInMinutes']],
    ['a list for an object', [], ['']],
    [
      'several faults at once',
      { scopes: ['video', 'chat', 7], expiresInMinutes: 1, colour: 'red' },
      ['', '/expiresInMinutes', '/scopes/0', '/scopes/2'],
    ],
  ])('400: lists every fault of %s', async (_what, body, pointers) => {
    const answer = await issue('alice', body);
    expect(answer.status).toBe(400);
    expect(answer.body.type).toBe('urn:acs-identity:problem:invalid-request');
    const named = (answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(named.sort()).toEqual(pointers);
  });

  it.each([
    ['400', 'broken JSON', '{"scopes":', 'application/json', 'invalid-request'],
    ['400', 'a poisoned prototype', '{"__proto__":{"a":1}}', 'application/json', 'invalid-request'],
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

  it('401: answers a call without a token with a bare challenge', async () => {
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
      'of another issuer',
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
      'not signed',
      async () => service().emulator.control.mintToken({ person: 'alice', sign: 'none' }),
    ],
  ])('401: refuses a token that is %s, without saying why', async (_what, mint) => {
    const answer = await call(service().url, 'post', '/v1/me/tokens', {
      token: await mint(),
      body: {},
    });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(answer.body.type).toBe('urn:acs-identity:problem:invalid-token');
  });

  it('403: refuses a caller without the permission, names it, and records the refusal', async () => {
    const { status, headers, body } = await issue('mallory');
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

  it('404: answers an unknown route with problem details', async () => {
    const answer = await call(service().url, 'get', '/v1/nowhere');
    expect(answer.status).toBe(404);
    expect(answer.body.type).toBe('urn:acs-identity:problem:route-not-found');
  });

  it('carries the caller’s own request id through answer and audit entry', async () => {
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

describe('GET /v1/me/identity', () => {
  it('404 before the first token, 200 after it', async () => {
    const token = await service().emulator.control.mintToken({
      person: 'alice',
      claims: { oid: 'c0ffee00-1d2e-4f3a-8b4c-5d6e7f809999' },
    });
    const before = await call(service().url, 'get', '/v1/me/identity', { token });
    expect(before.status).toBe(404);
    expect(before.body.type).toBe('urn:acs-identity:problem:mapping-not-found');
    const issued = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
    const after = await call(service().url, 'get', '/v1/me/identity', { token });
    expect(after.status).toBe(200);
    expect(after.body).toEqual(issued.body.identity);
  });
});

describe('the operations routes', () => {
  it('tell that the service is live and ready, without a token', async () => {
    expect((await call(service().url, 'get', '/health/live')).body).toEqual({ status: 'live' });
    const ready = await call(service().url, 'get', '/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.body.parts).toMatchObject({ database: 'ready', schema: 'ready' });
  });

  it('measure requests by route, with no identifier in any label', async () => {
    const text = await (await fetch(`${service().url}/metrics`)).text();
    expect(text).toContain(
      'http_request_duration_seconds_count{method="POST",route="/v1/me/tokens",status="200"}',
    );
    expect(text).not.toMatch(/8:acs:|eyJ/);
  });

  it('show the interactive documentation and the checked-in document', async () => {
    const page = await fetch(`${service().url}/docs`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger-ui');
    const document = await fetch(`${service().url}/openapi.json`);
    expect(document.status).toBe(200);
  });
});
