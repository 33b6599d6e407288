import request, { type Response } from 'supertest';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RouteAccess } from '#libs/authentication';
import { routesOf } from '../security/routes.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { newPerson } from '../support/tokens-api.js';

const APP = 'https://app.contoso.example';
const OTHER_APP = 'http://localhost:5173';
const REQUESTS_PER_MINUTE = 40;

const service = runningService({
  environment: {
    ALLOWED_ORIGINS: `${APP}, ${OTHER_APP}/`,
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
    AUTHENTICATION_REQUESTS_PER_MINUTE: String(REQUESTS_PER_MINUTE),
  },
});
let routes: readonly RouteAccess[];
let token: string;

beforeAll(async () => {
  routes = await routesOf(service());
  token = (await newPerson(service())).bearer;
}, 60_000);

function isForCallers(path: string): boolean {
  return path === '/v1/me' || path.startsWith('/v1/me/');
}

function concrete({ path }: RouteAccess): string {
  return path.replaceAll(':id', '01980000-0000-7000-8000-000000000000').replace(/\*$/, '0/000');
}

async function preflight(path: string, origin: string, method = 'POST'): Promise<Response> {
  return request(service().url)
    .options(path)
    .set('origin', origin)
    .set('access-control-request-method', method)
    .set('access-control-request-headers', 'authorization,content-type');
}

/** The headers that make a browser show the response to the page. */
function sharing({ headers }: Response): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers as Record<string, unknown>).filter(([name]) =>
      name.startsWith('access-control-'),
    ),
  );
}

/** The origins that the log names as refused. */
function refusedOrigins(): string[] {
  return service().logLines.flatMap((line) => {
    if (!line.includes('"refused a web page')) return [];
    const { origin, setting, level } = JSON.parse(line) as Record<string, string>;
    expect({ setting, level }).toEqual({ setting: 'ALLOWED_ORIGINS', level: 'warn' });
    return [origin ?? ''];
  });
}

/** The audit entries of callers. The service reads secrets at any time. */
async function callersEntries(): Promise<string[]> {
  const entries = await service().auditEntries();
  return entries.filter(({ actor }) => actor.kind !== 'system').map(({ id }) => id);
}

function expectReadable(response: Response, origin = APP): void {
  expect(sharing(response)).toEqual({
    'access-control-allow-origin': origin,
    'access-control-expose-headers':
      'etag, link, ratelimit, ratelimit-policy, retry-after, sunset, token-scope-sunset, www-authenticate, x-request-id',
  });
  expect(response.headers.vary).toBe('origin');
}

describe('a preflight', () => {
  it('204: is answered for an allowed origin, before authentication and without an audit entry', async () => {
    const before = await callersEntries();
    for (const origin of [APP, OTHER_APP]) {
      const response = await preflight('/v1/me/tokens?a=1', origin);
      expect(response.status).toBe(204);
      expect(response.text).toBe('');
      expect(sharing(response)).toEqual({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers':
          'authorization, content-type, traceparent, tracestate, x-request-id',
        'access-control-max-age': '7200',
      });
      expect(response.headers.vary).toBe('origin');
      expect(response.headers['x-content-type-options']).toBe('nosniff');
    }
    expect(await callersEntries()).toEqual(before);
  });

  it('204: is answered for a path whose request is refused, so that the page reads the refusal', async () => {
    const paths = ['/v1/me/nowhere', '/v1/me/tokens?a=1&a=2', `/v1/me/${'a'.repeat(9_000)}`];
    for (const path of paths) expect((await preflight(path, APP)).status, path).toBe(204);
  });

  it('404: is not answered unless a page asks what it may send', async () => {
    const response = await request(service().url).options('/v1/me/tokens').set('origin', APP);
    expect(response.status).toBe(404);
    expectReadable(response);
  });

  it('is counted as such, not as an unknown route', async () => {
    await preflight('/v1/me/tokens', APP);
    const { text } = await request(service().url).get('/metrics');
    expect(text).toMatch(
      /http_request_duration_seconds_count\{method="OPTIONS",route="preflight",status="204"\} \d/,
    );
  });
});

describe('a response to a page of an allowed origin', () => {
  const headers = { origin: APP };

  it.each([
    ['200', 'post', '/v1/me/tokens', {}],
    ['400: a wrong body', 'post', '/v1/me/tokens', { body: { scopes: 1 } }],
    ['400: a parameter twice', 'get', '/v1/me/identity?a=1&a=2', {}],
    ['401: no token', 'post', '/v1/me/tokens', { token: undefined }],
    ['401: an invalid token', 'post', '/v1/me/tokens', { token: 'no.token.here' }],
    ['404: a misspelled path', 'get', '/v1/me/nowhere', {}],
    ['404: another method', 'delete', '/v1/me/tokens', {}],
    ['413', 'post', '/v1/me/tokens', { body: { scopes: ['a'.repeat(20_000)] } }],
    ['414', 'get', `/v1/me/${'a'.repeat(9_000)}`, {}],
  ] as const)('%s: can be read', async (title, method, path, options) => {
    const sent = request(service().url)[method](path).set(headers);
    const bearer = 'token' in options ? options.token : token;
    if (bearer !== undefined) void sent.set('authorization', `Bearer ${bearer}`);
    const response = await ('body' in options ? sent.send(options.body) : sent);
    expect(response.status).toBe(Number(title.slice(0, 3)));
    expectReadable(response);
  });

  it('403: can be read', async () => {
    const mallory = await service().token('mallory');
    expectReadable(await call(service().url, 'post', '/v1/me/tokens', { token: mallory, headers }));
  });

  it('404: can be read, where the caller has no identity', async () => {
    const { bearer } = await newPerson(service());
    const response = await call(service().url, 'get', '/v1/me/identity', {
      token: bearer,
      headers,
    });
    expect(response.status).toBe(404);
    expectReadable(response);
  });

  it('415: can be read', async () => {
    const response = await request(service().url)
      .post('/v1/me/tokens')
      .set({ ...headers, authorization: `Bearer ${token}`, 'content-type': 'text/plain' })
      .send('scopes');
    expect(response.status).toBe(415);
    expectReadable(response);
  });

  it('429: can be read, with Retry-After and the limit', async () => {
    const { bearer } = await newPerson(service());
    const answers = Array.from({ length: REQUESTS_PER_MINUTE * 3 }, async () =>
      call(service().url, 'get', '/v1/me/identity', { token: bearer, headers }),
    );
    const limited = (await Promise.all(answers)).find(({ status }) => status === 429);
    if (limited === undefined) throw new Error('no request was limited');
    expectReadable(limited);
    expect(limited.headers['retry-after']).toMatch(/^\d+$/);
    expect(limited.headers.ratelimit).toBeDefined();
  });

  it('503: can be read, with Retry-After', async () => {
    const { control } = service().emulator;
    await control.addFault({ service: 'acs', operation: '*', kind: 'status', status: 503 });
    const { bearer } = await newPerson(service());
    const response = await call(service().url, 'post', '/v1/me/tokens', { token: bearer, headers });
    await control.removeFaults();
    expect(response.status).toBe(503);
    expectReadable(response);
    expect(response.headers['retry-after']).toMatch(/^\d+$/);
  });
});

describe('a page of another origin', () => {
  it.each([
    'null',
    '*',
    'https://contoso.example',
    'https://evil.app.contoso.example',
    'https://app.contoso.example.evil.example',
    'https://evilapp.contoso.example',
    'http://app.contoso.example',
    'https://app.contoso.example:8443',
    'https://app.contoso.example:443',
    'https://app.contoso.example/',
    'https://app.contoso.example.',
    'HTTPS://APP.CONTOSO.EXAMPLE',
    'http://localhost:5174',
    'http://127.0.0.1:5173',
    `${APP}, ${OTHER_APP}`,
    `${APP} ${OTHER_APP}`,
    '',
  ])('gets no header that shows it the response: %s', async (origin) => {
    const headers = { origin };
    const [answer, refused] = await Promise.all([
      call(service().url, 'get', '/v1/me/identity', { headers }),
      preflight('/v1/me/tokens', origin),
    ]);
    expect(answer.status).toBe(401);
    expect(refused.status).toBe(404);
    for (const response of [answer, refused]) {
      expect(sharing(response)).toEqual({});
      expect(response.headers.vary).toBe('origin');
    }
  });

  it('is named in the log once, with the setting that would allow it', async () => {
    const origin = 'https://forgotten.contoso.example';
    await preflight('/v1/me/tokens', origin);
    await preflight('/v1/me/identity', origin);
    await call(service().url, 'get', '/v1/me/identity', { headers: { origin } });
    await expect.poll(refusedOrigins).toContain(origin);
    expect(refusedOrigins().filter((refused) => refused === origin)).toHaveLength(1);
  });

  it('is not named when the header is no origin, and a flood of them has a bounded number of lines', async () => {
    const secret = `Bearer ${token}`;
    service().scanner.forbid(secret);
    await preflight('/v1/me/tokens', secret);
    const origins = Array.from({ length: 60 }, (_, n) => `https://flood-${n}.example`);
    await Promise.all(origins.map(async (origin) => preflight('/v1/me/tokens', origin)));
    expect(refusedOrigins().length).toBeLessThanOrEqual(20);
  });

  it('is not named when it is a page of the service itself', async () => {
    const { url } = service();
    const headers = { origin: new URL(url).origin };
    await call(url, 'post', '/v1/me/tokens', { headers });
    await call(url, 'post', '/v1/me/tokens', {
      headers: { origin: 'https://behind.proxy.example', 'sec-fetch-site': 'same-origin' },
    });
    expect(refusedOrigins()).not.toContain(new URL(url).origin);
    expect(refusedOrigins()).not.toContain('https://behind.proxy.example');
  });
});

describe('routes', () => {
  it('of callers are open to pages of the allowed origins, and no others', async () => {
    const opened: string[] = [];
    for (const route of routes) {
      const path = concrete(route);
      const requested = await preflight(path, APP, route.method);
      const sent = await fetch(`${service().url}${path}`, {
        method: route.method,
        headers: { origin: APP },
      });
      await sent.body?.cancel();
      const what = `${route.method} ${path}`;
      const isReadable = sent.headers.has('access-control-allow-origin');
      expect(requested.status === 204, what).toBe(isReadable);
      if (isReadable) opened.push(path);
      else expect(Object.keys(sharing(requested)), what).toEqual([]);
    }
    expect(opened.length).toBeGreaterThan(4);
    expect(opened).toEqual(routes.map(concrete).filter(isForCallers));
  });

  it.each(['/docs', '/openapi.json', '/v1/meals', '/V1/me/tokens', '//v1/me/tokens'])(
    'are closed at other paths: %s',
    async (path) => {
      expect((await preflight(path, APP)).status).toBe(404);
    },
  );
});

describe('a service without ALLOWED_ORIGINS', () => {
  it('is closed to every page, and says which setting would open it', async () => {
    const { url } = await service().addApi({ ALLOWED_ORIGINS: undefined });
    const response = await request(url)
      .options('/v1/me/tokens')
      .set({ origin: APP, 'access-control-request-method': 'POST' });
    expect(response.status).toBe(404);
    expect(sharing(response)).toEqual({});
    await expect.poll(refusedOrigins).toContain(APP);
  });
});
