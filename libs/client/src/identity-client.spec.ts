import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AccessTokenRequest,
  ConnectionError,
  createIdentityClient,
  type IdentityClient,
  type IdentityClientOptions,
  ProblemError,
} from './index.js';
import { type Answer, issued, pending, refusal, stubService } from './testing/stub-service.js';

const baseUrl = 'https://identity.example.com/base/';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function withAnswers(...answers: readonly Answer[]): {
  client: IdentityClient;
  requests: ReturnType<typeof stubService>['requests'];
  getAccessToken: ReturnType<typeof vi.fn<(request: AccessTokenRequest) => string>>;
} {
  const { fetch, requests } = stubService(...answers);
  let count = 0;
  const getAccessToken = vi.fn<(request: AccessTokenRequest) => string>(
    () => `access-${(count += 1)}`,
  );
  return {
    client: createIdentityClient({ baseUrl, getAccessToken, fetch }),
    requests,
    getAccessToken,
  };
}

/** The settled result, when every timer has run, and the time that it took. */
async function settled<T>(promise: Promise<T>): Promise<{ result: T | Error; elapsedMs: number }> {
  const start = performance.now();
  let result: { readonly value: T | Error } | undefined;
  promise.then(
    (value) => (result = { value }),
    (error: unknown) => (result = { value: error as Error }), // this client throws errors
  );
  for (let step = 0; step < 2_000 && !result; step += 1) await vi.advanceTimersByTimeAsync(100);
  if (!result) throw new Error('not settled');
  return { result: result.value, elapsedMs: performance.now() - start };
}

describe('a client', () => {
  it('sends the operations of a caller with an access token', async () => {
    const answers = Array.from({ length: 5 }, () => issued());
    const { client, requests } = withAnswers(...answers);
    await client.issueToken({ scopes: ['chat'], expiresInMinutes: 60 });
    await client.issueTeamsToken({ teamsUserToken: 'a.b.c' });
    await client.identity();
    await client.revokeTokens();
    await client.signOut();
    const sent = requests.map(({ url, init }) => [
      init.method,
      url.replace(baseUrl, ''),
      init.body,
    ]);
    expect(sent).toEqual([
      ['POST', 'v1/me/tokens', '{"scopes":["chat"],"expiresInMinutes":60}'],
      ['POST', 'v1/me/teams-tokens', '{"teamsUserToken":"a.b.c"}'],
      ['GET', 'v1/me/identity', undefined],
      ['POST', 'v1/me/tokens/revoke', undefined],
      ['POST', 'v1/me/sign-out', undefined],
    ]);
    expect(requests[0]?.init).toMatchObject({
      headers: { authorization: 'Bearer access-1', 'content-type': 'application/json' },
      credentials: 'omit',
    });
  });

  it('repeats a request after Retry-After, not earlier and not much later', async () => {
    const { client, requests } = withAnswers(
      refusal(429, 'too-many-requests', { 'retry-after': '7' }),
      refusal(503, 'acs-unavailable', { 'retry-after': '3' }),
      issued(),
    );
    const { result, elapsedMs } = await settled(client.issueToken());
    expect(result).toMatchObject({ identity: { id: 'id' } });
    expect(requests).toHaveLength(3);
    expect(elapsedMs).toBeGreaterThanOrEqual(10_000);
    expect(elapsedMs).toBeLessThan(12_500);
  });

  it('understands a Retry-After with a date', async () => {
    const inTenSeconds = new Date(Date.now() + 10_000).toUTCString();
    const { client } = withAnswers(
      refusal(503, 'service-busy', { 'retry-after': inTenSeconds }),
      issued(),
    );
    const { result, elapsedMs } = await settled(client.issueToken());
    expect(result).not.toBeInstanceOf(Error);
    expect(elapsedMs).toBeGreaterThanOrEqual(9_000);
  });

  it.each<[string, () => Answer]>([
    ['a refusal with Retry-After', () => refusal(503, 'acs-unavailable', { 'retry-after': '0' })],
    ['no response', () => new TypeError('fetch failed')],
    ['the 502 of a proxy', () => new Response('<html>', { status: 502 })],
    ['the 504 of a proxy', () => new Response('', { status: 504 })],
    ['the 503 of an ingress', () => new Response('<html>', { status: 503 })],
    ['the 429 of a gateway', () => Response.json({ statusCode: 429 }, { status: 429 })],
    ['a request that did not arrive in time', () => refusal(408, 'request-timed-out')],
  ])('gives up after four attempts: %s', async (_name, answer) => {
    const { client, requests } = withAnswers(...Array.from({ length: 9 }, answer));
    const { result } = await settled(client.issueToken());
    expect(result).toBeInstanceOf(Error);
    expect(requests).toHaveLength(4);
  });

  it('gives up at once where the pause would be too long', async () => {
    const { client, requests } = withAnswers(
      refusal(429, 'token-quota-exceeded', { 'retry-after': '1800' }),
    );
    const { result, elapsedMs } = await settled(client.issueToken());
    expect(result).toMatchObject({ code: 'token-quota-exceeded', retryAfterSeconds: 1800 });
    expect(elapsedMs).toBeLessThan(1_000);
    expect(requests).toHaveLength(1);
  });

  it('ends an attempt without a response, and a body that does not end', async () => {
    const { client } = withAnswers(
      pending().wait,
      async ({ signal }) => {
        const start = (stream: ReadableStreamDefaultController): void => {
          signal?.addEventListener('abort', () => {
            stream.error(signal.reason);
          });
        };
        return Promise.resolve(new Response(new ReadableStream({ start })));
      },
      issued(),
    );
    const { result, elapsedMs } = await settled(client.issueToken());
    expect(result).not.toBeInstanceOf(Error);
    expect(elapsedMs).toBeGreaterThanOrEqual(60_000);
  });

  it.each([
    [400, 'invalid-request'],
    [403, 'insufficient-permission'],
    [404, 'mapping-not-found'],
    [409, 'mapping-not-active'],
    [500, 'internal-error'],
  ])('throws %s %s as a typed problem, without a repeat', async (status, code) => {
    const { client, requests } = withAnswers(refusal(status, code));
    const { result } = await settled(client.issueToken());
    expect(result).toBeInstanceOf(ProblemError);
    expect(result).toMatchObject({
      ...{ name: 'ProblemError', status, code, detail: 'The detail', requestId: 'request-1' },
      ...{ type: `urn:acs-identity:problem:${code}`, problem: { title: 'Title' } },
      ...{ retryAfterSeconds: undefined, claims: undefined },
      message: `The detail (${status}, urn:acs-identity:problem:${code}, request request-1)`,
    });
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['a page of another server', new Response('<html>', { status: 404 }), 404],
    ['a page where the body should be', new Response('<html>'), 200],
    ['a redirect', new Response(null, { status: 302, headers: { location: '/login' } }), 302],
    ['JSON of another server', Response.json({ error: 'x' }, { status: 400 }), 400],
  ])('says that baseUrl may be wrong: %s', async (_name, answer, status) => {
    const { client } = withAnswers(answer);
    const { result } = await settled(client.identity());
    expect(result).toMatchObject({ status, type: 'about:blank', code: 'unexpected-response' });
    expect((result as Error).message).toContain('baseUrl');
  });

  it('names the status of a gateway that can not reach the service', async () => {
    const answers = Array.from({ length: 4 }, () => new Response('<html>', { status: 503 }));
    const { client } = withAnswers(...answers);
    const { result } = await settled(client.identity());
    expect(result).toMatchObject({ status: 503, code: 'unexpected-response', isFromGateway: true });
    expect((result as Error).message).toMatch(/^A proxy or gateway answered with status 503 /);
  });

  it('names the address and the cause when there is no response', async () => {
    const { client } = withAnswers(
      ...Array.from({ length: 4 }, () => new TypeError('fetch failed')),
    );
    const { result } = await settled(client.identity());
    expect(result).toBeInstanceOf(ConnectionError);
    expect((result as Error).message).toContain(`${baseUrl}v1/me/identity: fetch failed`);
    expect((result as Error).cause).toBeInstanceOf(TypeError);
  });
});

describe('a client whose access token is refused', () => {
  const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
  const challenge = `Bearer realm="acs-identity", error="insufficient_claims", claims="${btoa(claims)}"`;
  const challenged = (): Response =>
    refusal(401, 'insufficient-claims', { 'www-authenticate': challenge });
  const expired = (): Response => refusal(401, 'invalid-token', { 'www-authenticate': 'Bearer' });

  it('requests one with the claims of the challenge', async () => {
    const { client, requests, getAccessToken } = withAnswers(challenged(), issued());
    const { result } = await settled(client.issueToken());
    expect(result).not.toBeInstanceOf(Error);
    expect(getAccessToken.mock.calls).toEqual([[{}], [{ claims }]]);
    expect(requests[1]?.init.headers).toMatchObject({ authorization: 'Bearer access-2' });
  });

  it('requests a new one that is not from the cache', async () => {
    const { client, getAccessToken } = withAnswers(expired(), issued());
    await settled(client.issueToken());
    expect(getAccessToken.mock.calls).toEqual([[{}], [{ forceRefresh: true }]]);
  });

  it('requests each of them once, in any order, and throws the last refusal', async () => {
    const { client, requests } = withAnswers(challenged(), expired(), challenged(), issued());
    const { result } = await settled(client.issueToken());
    expect(result).toMatchObject({ status: 401, code: 'insufficient-claims', claims });
    expect(requests).toHaveLength(3);
  });

  it.each(['x', btoa('no JSON'), btoa('"text"')])(
    'ignores claims that are not: %s',
    async (text) => {
      const header = { 'www-authenticate': `Bearer claims="${text}"` };
      const { client, getAccessToken } = withAnswers(refusal(401, 'x', header), issued());
      await settled(client.issueToken());
      expect(getAccessToken.mock.calls.at(-1)).toEqual([{ forceRefresh: true }]);
    },
  );

  it('throws the error of getAccessToken as it is', async () => {
    const { fetch } = stubService();
    const interaction = new Error('interaction required');
    const getAccessToken = async (): Promise<string> => Promise.reject(interaction);
    const client = createIdentityClient({ baseUrl, getAccessToken, fetch });
    expect((await settled(client.identity())).result).toBe(interaction);
  });
});

describe('a client whose caller aborts', () => {
  it.each<[string, Answer]>([
    ['during a request', pending().wait],
    ['during a pause', refusal(503, 'service-busy', { 'retry-after': '30' })],
  ])('ends at once with the reason: %s', async (_name, answer) => {
    const { client, requests } = withAnswers(answer);
    const controller = new AbortController();
    const promise = settled(client.issueToken({}, { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(5_000);
    const reason = new Error('left the page');
    controller.abort(reason);
    expect((await promise).result).toBe(reason);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(requests).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wait for getAccessToken, and sends nothing', async () => {
    const { fetch, requests } = stubService();
    const getAccessToken = async (): Promise<string> => new Promise(() => undefined);
    const client = createIdentityClient({ baseUrl, getAccessToken, fetch });
    const controller = new AbortController();
    const promise = settled(client.identity({ signal: controller.signal }));
    controller.abort();
    expect((await promise).result).toMatchObject({ name: 'AbortError' });
    expect(requests).toEqual([]);
  });
});

describe('wrong options', () => {
  const options = { baseUrl, getAccessToken: () => 'token' };

  it.each([
    ['no baseUrl', { baseUrl: undefined }, /baseUrl must be the address/],
    ['a path', { baseUrl: '/v1' }, /baseUrl/],
    ['another scheme', { baseUrl: 'ftp://identity.example.com' }, /baseUrl/],
    ['a query', { baseUrl: 'https://identity.example.com/?a' }, /baseUrl/],
    ['a password', { baseUrl: 'https://user:secret@identity.example.com' }, /baseUrl/],
    [
      'a token for getAccessToken',
      { getAccessToken: 'token' },
      /getAccessToken must be a function/,
    ],
    ['an object for fetch', { fetch: {} }, /fetch must be a function/],
  ])('are refused: %s', (_name, wrong, message) => {
    const given = { ...options, ...wrong } as unknown as IdentityClientOptions; // wrong on purpose
    expect(() => createIdentityClient(given)).toThrow(TypeError);
    expect(() => createIdentityClient(given)).toThrow(message);
  });

  it.each([undefined, '', 'two words', 'line\nbreak', { accessToken: 'x' }])(
    'are refused: an access token %j',
    async (token) => {
      const getAccessToken = (() => token) as unknown as () => string; // wrong on purpose
      const { fetch, requests } = stubService();
      const client = createIdentityClient({ baseUrl, getAccessToken, fetch });
      const { result } = await settled(client.identity());
      expect((result as Error).message).toMatch(/^getAccessToken must return an access token/);
      expect(requests).toEqual([]);
    },
  );
});
