import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import {
  type GuardedApplication,
  startGuardedApplication,
} from '../testing/guarded-application.js';
import { TestIssuer, testKey } from '../testing/test-issuer.js';

const OTHERS = [5, 6, 7].map((digit) => `44444444-4444-4444-8444-44444444444${digit}`);

let guarded: GuardedApplication<ManualClock>;
let issuer: TestIssuer;

beforeAll(async () => {
  guarded = await startGuardedApplication({
    clock: new ManualClock(Date.now()),
    environment: { TRUSTED_PROXIES: '127.0.0.0/8' },
  });
  issuer = new TestIssuer(() => guarded.clock.now());
  issuer.publish(guarded.source);
  await guarded.clock.advance(60_000);
});

afterAll(async () => {
  await guarded.app.close();
});

afterEach(async () => {
  await guarded.clock.advance(10_000);
  guarded.trail.entries.length = 0;
  guarded.trail.outage = undefined;
});

interface Reply {
  readonly status: number;
  readonly challenge: string | null;
  readonly body: unknown;
}

async function get(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Reply> {
  const response = await fetch(`${guarded.url}${path}`, { method, headers });
  const challenge = response.headers.get('www-authenticate');
  return { status: response.status, challenge, body: await response.json() };
}

function bearer(claims: Record<string, unknown> = {}): Record<string, string> {
  return { authorization: `Bearer ${issuer.token(claims)}` };
}

describe('AuthenticationGuard', () => {
  it('allows everyone on public routes, with invalid credentials too', async () => {
    expect(await get('/open')).toMatchObject({ status: 200 });
    expect(await get('/open', { authorization: 'Bearer invalid' })).toMatchObject({ status: 200 });
  });

  it.each(['bearer ', 'BEARER   '])('accepts a token after "%s"', async (scheme) => {
    const { authorization = '' } = bearer();
    const headers = { authorization: `${scheme}${authorization.slice('Bearer '.length)}` };
    expect(await get('/mine', headers)).toMatchObject({ status: 200 });
  });

  it('passes principal and request context to the route', async () => {
    const headers = {
      ...bearer(),
      'x-request-id': 'order-4711',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-forwarded-for': '6.6.6.6, 203.0.113.7, 127.0.0.9',
      'user-agent': 'spec',
    };
    const response = await get('/whoami', headers);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({
      principal: { kind: 'user' },
      request: {
        requestId: 'order-4711',
        traceId: '0af7651916cd43dd8448eb211c80319c',
        clientAddress: '203.0.113.7',
        userAgent: 'spec',
      },
    });
  });

  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['[::FFFF:C000:201]:443', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:0DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('knows the address %s in one form', async (address, clientAddress) => {
    const headers = { ...bearer(), 'x-forwarded-for': address };
    expect(await get('/whoami', headers)).toMatchObject({ body: { request: { clientAddress } } });
  });

  it('allows every authenticated caller on routes for signed-in callers, and records nothing', async () => {
    const powerless = bearer({ scp: 'User.Read', roles: [] });
    expect(await get('/whoami', powerless)).toMatchObject({ status: 403 });
    guarded.trail.entries.length = 0;
    expect(await get('/mine', powerless)).toMatchObject({ status: 200, body: { permissions: [] } });
    expect(guarded.trail.entries).toEqual([]);
    expect(await get('/mine')).toMatchObject({ status: 401 });
    expect(await get('/mine', bearer({ aud: 'api://other' }))).toMatchObject({ status: 401 });
  });

  it('sends a challenge without an error to callers without credentials', async () => {
    expect(await get('/whoami')).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="acs-identity"',
      body: { code: 'unauthenticated' },
    });
    expect(await get('/whoami', { authorization: 'Basic YTpi' })).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="acs-identity"',
    });
  });

  it('sends the same reply for every invalid token', async () => {
    const hour = Math.floor(guarded.clock.now() / 1000) - 7200;
    const invalid = [
      { authorization: 'Bearer' },
      { authorization: 'Bearer a b' },
      { authorization: 'Bearer abc' },
      bearer({ aud: 'api://other' }),
      bearer({ iss: 'https://evil.test' }),
      bearer({ iat: hour, nbf: hour, exp: hour + 60 }),
      { authorization: `Bearer ${issuer.token({}, {}, testKey('first'))}` },
    ];
    for (const headers of invalid)
      expect(await get('/whoami', headers)).toEqual({
        status: 401,
        challenge:
          'Bearer realm="acs-identity", error="invalid_token", error_description="The access token is not accepted"',
        body: {
          code: 'invalid-token',
          detail: 'Get a new access token for this service and try again.',
        },
      });
  });

  it('ignores tokens in query and body, and rejects two Authorization headers', async () => {
    const token = issuer.token();
    expect(await get(`/whoami?access_token=${token}`)).toMatchObject({ status: 401 });
    const form = { 'content-type': 'application/json' };
    const body = JSON.stringify({ access_token: token });
    const posted = await fetch(`${guarded.url}/delegated`, { method: 'POST', headers: form, body });
    expect(posted.status).toBe(401);
    const status = await new Promise((resolve, reject) => {
      httpRequest(
        `${guarded.url}/whoami`,
        {
          headers: [
            'Host',
            'localhost',
            'Authorization',
            `Bearer ${token}`,
            'authorization',
            `Bearer ${token}`,
          ],
        },
        (response) => {
          resolve([response.statusCode, response.headers['www-authenticate']]);
          response.resume();
        },
      )
        .on('error', reject)
        .end();
    });
    expect(status).toEqual([400, expect.stringContaining('error="invalid_request"')]);
  });

  it('ignores the headers of App Service', async () => {
    const claims = [{ typ: 'roles', val: 'CommunicationToken.Issue' }];
    const principal = Buffer.from(JSON.stringify({ auth_typ: 'aad', claims })).toString('base64');
    expect(await get('/whoami', { 'x-ms-client-principal': principal })).toMatchObject({
      status: 401,
    });
  });

  it('names the missing permission to the caller and records each denial', async () => {
    const headers = bearer({ scp: 'AuditLog.Read.All' });
    const denied = {
      status: 403,
      challenge:
        'Bearer realm="acs-identity", error="insufficient_scope", scope="CommunicationToken.Issue"',
      body: { code: 'insufficient-permission' },
    };
    expect(await get('/whoami', headers)).toMatchObject(denied);
    expect(await get('/whoami', headers)).toMatchObject(denied);
    expect(guarded.trail.entries).toMatchObject(
      [1, 2].map(() => ({
        action: 'authorization.deny',
        outcome: 'denied',
        actor: { kind: 'user', subject: '44444444-4444-4444-8444-444444444444' },
        details: { permission: 'CommunicationToken.Issue', method: 'GET', route: '/whoami' },
      })),
    );
  });

  it('denies applications without a user on routes for users only', async () => {
    const app = bearer(TestIssuer.appOnly(['CommunicationToken.Issue']));
    expect(await get('/whoami', app)).toMatchObject({ status: 200 });
    expect(await get('/delegated', app, 'POST')).toMatchObject({ status: 403 });
    expect(await get('/delegated', bearer(), 'POST')).toMatchObject({ status: 200 });
  });

  it('records the rejections of one address and reason in one entry, and loses none in an outage', async () => {
    const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address });
    for (let number = 0; number < 5; number += 1) await get('/whoami', from('203.0.113.1'));
    await get('/whoami', from('203.0.113.2'));
    await get('/whoami', { ...from('203.0.113.2'), ...bearer({ aud: 'api://other' }) });
    expect(guarded.trail.entries).toEqual([]);
    guarded.trail.outage = new Error('outage');
    await guarded.clock.advance(10_000);
    await get('/whoami', from('203.0.113.1'));
    guarded.trail.outage = undefined;
    await guarded.clock.advance(20_000);
    const counts = guarded.trail.entries.map(({ reason, request, details }) => [
      reason?.code,
      request?.clientAddress,
      details?.count,
    ]);
    expect(counts).toEqual([
      ['no-credentials', '203.0.113.1', 5],
      ['no-credentials', '203.0.113.2', 1],
      ['audience', '203.0.113.2', 1],
      ['no-credentials', '203.0.113.1', 1],
    ]);
  });

  it('replies 503, never 401, when the signing keys can’t be loaded', async () => {
    const offline = await startGuardedApplication({ clock: guarded.clock });
    try {
      const response = await fetch(`${offline.url}/whoami`, { headers: bearer() });
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await response.json()).toMatchObject({ code: 'identity-provider-unavailable' });
    } finally {
      await offline.app.close();
    }
  });

  it('records pending counts when the application shuts down', async () => {
    const other = await startGuardedApplication({ clock: guarded.clock });
    await fetch(`${other.url}/whoami`);
    await other.app.close();
    expect(other.trail.entries).toMatchObject([{ action: 'authentication.reject' }]);
  });

  it('replies 429 with Retry-After above a limit, and records that in one entry', async () => {
    const limited = await startGuardedApplication({
      clock: guarded.clock,
      source: guarded.source,
      environment: {
        AUTHENTICATION_FAILURES_PER_MINUTE: '2',
        AUTHENTICATION_REQUESTS_PER_MINUTE: '3',
      },
    });
    const statuses = async (headers: Record<string, string>, count: number): Promise<number[]> => {
      const statusCodes: number[] = [];
      for (let number = 0; number < count; number += 1)
        statusCodes.push((await fetch(`${limited.url}/whoami`, { headers })).status);
      return statusCodes;
    };
    try {
      await guarded.clock.advance(5_000);
      expect(await statuses({}, 4)).toEqual([401, 401, 429, 429]);
      // Valid credentials from the same address are limited by their own limit only.
      expect(await statuses(bearer(), 5)).toEqual([200, 200, 200, 429, 429]);
      const response = await fetch(`${limited.url}/whoami`, { headers: bearer() });
      const wait = Number(response.headers.get('retry-after'));
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(60);
      expect(response.headers.get('ratelimit')).toBe(`"minute";r=0;t=${wait}`);
      expect(response.headers.get('ratelimit-policy')).toBe('"minute";q=3;w=60');
      await guarded.clock.advance(10_000);
      expect(limited.trail.entries.map(({ action, details }) => [action, details?.count])).toEqual([
        ['authentication.reject', 4],
        ['request.limit', 3],
      ]);
    } finally {
      await limited.app.close();
    }
  });

  it('challenges for the authentication context of the required permission, only users who have it', async () => {
    const strict = await startGuardedApplication({
      clock: guarded.clock,
      source: guarded.source,
      environment: {
        ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'CommunicationToken.Issue=c2,AuditLog.Read.All=c3',
        AUTHENTICATION_REQUESTS_PER_MINUTE: '2',
      },
    });
    const get = async (path: string, claims: Record<string, unknown>): Promise<number> =>
      (await fetch(`${strict.url}${path}`, { headers: bearer(claims) })).status;
    try {
      await guarded.clock.advance(5_000);
      expect(await get('/whoami', { oid: OTHERS[0] })).toBe(401);
      expect(await get('/whoami', { oid: OTHERS[0], acrs: ['c1', 'c2'] })).toBe(200);
      // A stronger sign-in does not help a user without the permission.
      expect(await get('/whoami', { oid: OTHERS[1], scp: 'AuditLog.Read.All' })).toBe(403);
      const service = TestIssuer.appOnly(['CommunicationToken.Issue']);
      expect(await get('/whoami', { ...service, oid: OTHERS[2], sub: OTHERS[2] })).toBe(200);
      // Challenges count against the limit, so that they can't flood the log.
      expect([
        await get('/whoami', {}),
        await get('/whoami', {}),
        await get('/whoami', {}),
      ]).toEqual([401, 401, 429]);
    } finally {
      await strict.app.close();
    }
  });

  it('challenges for the configured authentication context and records the denial', async () => {
    const strict = await startGuardedApplication({
      clock: guarded.clock,
      source: guarded.source,
      environment: { ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'c1' },
    });
    try {
      await guarded.clock.advance(5_000);
      const weak = await fetch(`${strict.url}/whoami`, { headers: bearer() });
      const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
      expect([weak.status, weak.headers.get('www-authenticate')]).toEqual([
        401,
        `Bearer realm="acs-identity", error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`,
      ]);
      expect(strict.trail.entries).toMatchObject([
        { action: 'authorization.deny', reason: { code: 'insufficient-claims' } },
      ]);
      const strong = await fetch(`${strict.url}/whoami`, { headers: bearer({ acrs: ['c1'] }) });
      expect(strong.status).toBe(200);
    } finally {
      await strict.app.close();
    }
  });
});
