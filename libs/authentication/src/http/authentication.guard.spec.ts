import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform';
import {
  type GuardedApplication,
  startGuardedApplication,
} from '../testing/guarded-application.js';
import { TestIssuer, testKey } from '../testing/test-issuer.js';

const OTHERS = [5, 6, 7].map((digit) => `44444444-4444-4444-8444-44444444444${digit}`);

let place: GuardedApplication<ManualClock>;
let issuer: TestIssuer;

beforeAll(async () => {
  place = await startGuardedApplication({
    clock: new ManualClock(Date.now()),
    environment: { TRUSTED_PROXIES: '127.0.0.0/8' },
  });
  issuer = new TestIssuer(() => place.clock.now());
  issuer.publish(place.source);
  await place.clock.advance(60_000);
});

afterAll(async () => {
  await place.app.close();
});

afterEach(async () => {
  await place.clock.advance(10_000);
  place.trail.entries.length = 0;
  place.trail.outage = undefined;
});

interface Answer {
  readonly status: number;
  readonly challenge: string | null;
  readonly body: unknown;
}

async function get(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  const answer = await fetch(`${place.url}${path}`, { method, headers });
  const challenge = answer.headers.get('www-authenticate');
  return { status: answer.status, challenge, body: await answer.json() };
}

function bearer(claims: Record<string, unknown> = {}): Record<string, string> {
  return { authorization: `Bearer ${issuer.token(claims)}` };
}

describe('AuthenticationGuard', () => {
  it('lets everyone into public routes, with bad credentials too', async () => {
    expect(await get('/open')).toMatchObject({ status: 200 });
    expect(await get('/open', { authorization: 'Bearer bad' })).toMatchObject({ status: 200 });
  });

  it('gives the route the caller and the request', async () => {
    const headers = {
      ...bearer(),
      'x-request-id': 'order-4711',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-forwarded-for': '6.6.6.6, 203.0.113.7, 127.0.0.9',
      'user-agent': 'spec',
    };
    const answer = await get('/whoami', headers);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      principal: { kind: 'user' },
      request: {
        requestId: 'order-4711',
        traceId: '0af7651916cd43dd8448eb211c80319c',
        clientAddress: '203.0.113.7',
        userAgent: 'spec',
      },
    });
  });

  it('names itself and no error to callers without credentials', async () => {
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

  it('says the same to every bad token', async () => {
    const hour = Math.floor(place.clock.now() / 1000) - 7200;
    const bad = [
      { authorization: 'Bearer' },
      { authorization: 'Bearer a b' },
      { authorization: 'Bearer abc' },
      bearer({ aud: 'api://other' }),
      bearer({ iss: 'https://evil.test' }),
      bearer({ iat: hour, nbf: hour, exp: hour + 60 }),
      { authorization: `Bearer ${issuer.token({}, {}, testKey('first'))}` },
    ];
    for (const headers of bad)
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

  it('reads no token out of query or body, and none where two headers carry one', async () => {
    const token = issuer.token();
    expect(await get(`/whoami?access_token=${token}`)).toMatchObject({ status: 401 });
    const form = { 'content-type': 'application/json' };
    const body = JSON.stringify({ access_token: token });
    const posted = await fetch(`${place.url}/delegated`, { method: 'POST', headers: form, body });
    expect(posted.status).toBe(401);
    const status = await new Promise((resolve, reject) => {
      httpRequest(
        `${place.url}/whoami`,
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
        (answer) => {
          resolve([answer.statusCode, answer.headers['www-authenticate']]);
          answer.resume();
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

  it('tells a caller without the permission which one is needed, and audits each time', async () => {
    const headers = bearer({ scp: 'AuditLog.Read.All' });
    const denied = {
      status: 403,
      challenge:
        'Bearer realm="acs-identity", error="insufficient_scope", scope="CommunicationToken.Issue"',
      body: { code: 'insufficient-permission' },
    };
    expect(await get('/whoami', headers)).toMatchObject(denied);
    expect(await get('/whoami', headers)).toMatchObject(denied);
    expect(place.trail.entries).toMatchObject(
      [1, 2].map(() => ({
        action: 'authorization.deny',
        outcome: 'denied',
        actor: { kind: 'user', subject: '44444444-4444-4444-8444-444444444444' },
        details: { permission: 'CommunicationToken.Issue', method: 'GET', route: '/whoami' },
      })),
    );
  });

  it('refuses applications on their own where a user has to be behind the call', async () => {
    const app = bearer(TestIssuer.appOnly(['CommunicationToken.Issue']));
    expect(await get('/whoami', app)).toMatchObject({ status: 200 });
    expect(await get('/delegated', app, 'POST')).toMatchObject({ status: 403 });
    expect(await get('/delegated', bearer(), 'POST')).toMatchObject({ status: 201 });
  });

  it('counts refusals of one address and reason into one entry, and loses none', async () => {
    const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address });
    for (let number = 0; number < 5; number += 1) await get('/whoami', from('203.0.113.1'));
    await get('/whoami', from('203.0.113.2'));
    await get('/whoami', { ...from('203.0.113.2'), ...bearer({ aud: 'api://other' }) });
    expect(place.trail.entries).toEqual([]);
    place.trail.outage = new Error('out of order');
    await place.clock.advance(10_000);
    await get('/whoami', from('203.0.113.1'));
    place.trail.outage = undefined;
    await place.clock.advance(20_000);
    const counts = place.trail.entries.map(({ reason, request, details }) => [
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

  it('answers 503, never 401, when the keys can’t be loaded', async () => {
    const lonely = await startGuardedApplication({ clock: place.clock });
    try {
      const answer = await fetch(`${lonely.url}/whoami`, { headers: bearer() });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await answer.json()).toMatchObject({ code: 'identity-provider-unavailable' });
    } finally {
      await lonely.app.close();
    }
  });

  it('writes what was counted when the application shuts down', async () => {
    const brief = await startGuardedApplication({ clock: place.clock });
    await fetch(`${brief.url}/whoami`);
    await brief.app.close();
    expect(brief.trail.entries).toMatchObject([{ action: 'authentication.reject' }]);
  });

  it('answers 429 past a limit, tells when to come again, and audits it in one entry', async () => {
    const limited = await startGuardedApplication({
      clock: place.clock,
      source: place.source,
      environment: {
        AUTHENTICATION_FAILURES_PER_MINUTE: '2',
        AUTHENTICATION_REQUESTS_PER_MINUTE: '3',
      },
    });
    const statuses = async (headers: Record<string, string>, count: number): Promise<number[]> => {
      const answers: number[] = [];
      for (let number = 0; number < count; number += 1)
        answers.push((await fetch(`${limited.url}/whoami`, { headers })).status);
      return answers;
    };
    try {
      await place.clock.advance(5_000);
      expect(await statuses({}, 4)).toEqual([401, 401, 429, 429]);
      // Good credentials from the same address pass, up to their own limit.
      expect(await statuses(bearer(), 5)).toEqual([200, 200, 200, 429, 429]);
      const answer = await fetch(`${limited.url}/whoami`, { headers: bearer() });
      const wait = Number(answer.headers.get('retry-after'));
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(60);
      expect(answer.headers.get('ratelimit')).toBe(`"minute";r=0;t=${wait}`);
      expect(answer.headers.get('ratelimit-policy')).toBe('"minute";q=3;w=60');
      await place.clock.advance(10_000);
      expect(limited.trail.entries.map(({ action, details }) => [action, details?.count])).toEqual([
        ['authentication.reject', 4],
        ['request.limit', 3],
      ]);
    } finally {
      await limited.app.close();
    }
  });

  it('asks for the authentication context of the permission that is used, of who holds it', async () => {
    const strict = await startGuardedApplication({
      clock: place.clock,
      source: place.source,
      environment: {
        ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'CommunicationToken.Issue=c2,AuditLog.Read.All=c3',
        AUTHENTICATION_REQUESTS_PER_MINUTE: '2',
      },
    });
    const get = async (path: string, claims: Record<string, unknown>): Promise<number> =>
      (await fetch(`${strict.url}${path}`, { headers: bearer(claims) })).status;
    try {
      await place.clock.advance(5_000);
      expect(await get('/whoami', { oid: OTHERS[0] })).toBe(401);
      expect(await get('/whoami', { oid: OTHERS[0], acrs: ['c1', 'c2'] })).toBe(200);
      // Signing in more strongly would not help who lacks the permission.
      expect(await get('/whoami', { oid: OTHERS[1], scp: 'AuditLog.Read.All' })).toBe(403);
      const service = TestIssuer.appOnly(['CommunicationToken.Issue']);
      expect(await get('/whoami', { ...service, oid: OTHERS[2], sub: OTHERS[2] })).toBe(200);
      // Challenges count against the limit, so that they can't fill the log.
      expect([
        await get('/whoami', {}),
        await get('/whoami', {}),
        await get('/whoami', {}),
      ]).toEqual([401, 401, 429]);
    } finally {
      await strict.app.close();
    }
  });

  it('asks a user for the configured authentication context, and audits it', async () => {
    const strict = await startGuardedApplication({
      clock: place.clock,
      source: place.source,
      environment: { ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'c1' },
    });
    try {
      await place.clock.advance(5_000);
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
