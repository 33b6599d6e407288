import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import {
  type GuardedApplication,
  startGuardedApplication,
} from '../testing/guarded-application.js';

const folder = mkdtempSync(join(tmpdir(), 'sessions-'));
let guarded: GuardedApplication<ManualClock>;

beforeAll(async () => {
  const path = join(folder, 'providers.json');
  const permissions = { client: ['CommunicationToken.Issue'] };
  writeFileSync(path, JSON.stringify([{ provider: 'google', tenant: 'customers', permissions }]));
  guarded = await startGuardedApplication({
    clock: new ManualClock(Date.now()),
    environment: {
      ...{ AUTHENTICATION_MODE: 'container-apps', CONTAINER_APP_NAME: 'acs', ENTRA_AUTHORITY: '' },
      AUTHENTICATION_PROVIDERS_FILE: path,
    },
  });
});

afterAll(async () => {
  await guarded.app.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  guarded.logger.lines.length = 0;
  guarded.trail.entries.length = 0;
});

type Headers = Readonly<Record<string, string | string[]>>;

const claims = [{ typ: 'sub', val: '113000000000000000001' }];
/** What the platform adds. */
const principal: Headers = {
  'x-ms-client-principal': Buffer.from(
    JSON.stringify({ auth_typ: 'google', claims, name_typ: 'name', role_typ: 'roles' }),
  ).toString('base64'),
  'x-ms-client-principal-idp': 'google',
};
const cookie: Headers = { cookie: 'theme=dark; AppServiceAuthSession=c2Vzc2lvbg==' };
const signedIn: Headers = { ...principal, ...cookie };

/** `node:http`, because `fetch` adds headers of its own. */
async function send(method: string, path: string, headers: Headers) {
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    request(`${guarded.url}/${path}`, { method, headers: { ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) });
      });
    })
      .on('error', reject)
      .end();
  });
}

const refusals = (): object[] =>
  guarded.logger.lines.filter(({ message }) => message === 'caller refused');

/** What Chromium, Firefox and Safari send with a form, a script or an image of another site. */
const formOfAnotherSite: Headers = {
  ...{ origin: 'https://evil.test', 'content-type': 'text/plain' },
  ...{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
};
const ajax: Headers = { 'x-requested-with': 'XMLHttpRequest' };

describe('a session of built-in authentication', () => {
  it.each<[string, Headers]>([
    ['a script of a page of this origin', { 'sec-fetch-site': 'same-origin' }],
    ['a form of a page of this origin', { ...formOfAnotherSite, 'sec-fetch-site': 'same-origin' }],
    ['an old browser, whose script says that it is one', ajax],
    ['a program with the cookie of a person', { ...ajax, 'user-agent': 'curl/8' }],
    [
      'a browser without a page, with a header that forms lack',
      { ...ajax, 'sec-fetch-site': 'none' },
    ],
  ])('lets %s change something', async (_what, headers) => {
    expect(await send('POST', 'delegated', { ...signedIn, ...headers })).toMatchObject({
      status: 200,
    });
  });

  it.each<[string, Headers, string]>([
    ['a form of another site', formOfAnotherSite, 'cross-site'],
    [
      'a script of another site that was allowed to send headers',
      { ...formOfAnotherSite, ...ajax, 'sec-fetch-mode': 'cors' },
      'cross-site',
    ],
    [
      'a page of a sibling domain',
      { ...formOfAnotherSite, ...ajax, 'sec-fetch-site': 'same-site' },
      'same-site',
    ],
    ['a form in an old browser', { origin: 'https://evil.test' }, 'unknown'],
    ['a form in an old browser that hides its origin', { origin: 'null' }, 'unknown'],
    ['a request without a page', { 'sec-fetch-site': 'none' }, 'none'],
    ['an empty proof', { 'x-requested-with': '' }, 'unknown'],
    ['two statements', { ...ajax, 'sec-fetch-site': ['same-origin', 'cross-site'] }, 'several'],
    ['a statement in other letters', { ...ajax, 'sec-fetch-site': 'Same-Origin' }, 'malformed'],
    [
      'a form with a name and a password in its address',
      { ...formOfAnotherSite, authorization: 'Basic YTpi' },
      'cross-site',
    ],
    ['an empty session token', { ...formOfAnotherSite, 'x-zumo-auth': '' }, 'cross-site'],
  ])('does not let %s change anything, and records it', async (_what, headers, site) => {
    const answer = await send('POST', 'delegated', { ...signedIn, ...headers });
    expect(answer).toMatchObject({ status: 403, body: { code: 'cross-site-request' } });
    expect(refusals()).toMatchObject([
      {
        fields: {
          reason: 'cross-site-request',
          expected: 'same-origin, or x-requested-with',
          actual: site,
        },
      },
    ]);
    expect(guarded.trail.entries).toMatchObject([
      {
        action: 'authorization.deny',
        actor: { tenant: 'customers', subject: '113000000000000000001' },
        reason: { code: 'cross-site-request' },
        details: { method: 'POST', route: '/delegated', site },
      },
    ]);
  });

  it.each(['PUT', 'PATCH', 'DELETE'])('has the rule for %s', async (method) => {
    const forged = { ...signedIn, ...formOfAnotherSite };
    expect((await send(method, 'delegated', forged)).status).toBe(403);
    expect((await send(method, 'delegated', { ...signedIn, ...ajax })).status).toBe(200);
  });

  it('has the rule for a GET that changes something, and not for reading', async () => {
    const forged = { ...signedIn, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
    expect((await send('GET', 'changing', forged)).status).toBe(403);
    expect((await send('GET', 'changing', { ...signedIn, ...ajax })).status).toBe(200);
    expect((await send('GET', 'whoami', forged)).status).toBe(200);
  });

  it.each<[string, Headers]>([
    ['an access token', { authorization: 'Bearer token' }],
    ['the session token of an application', { 'x-zumo-auth': 'token' }],
  ])('does not have the rule with %s, which no other site has', async (_what, headers) => {
    const sent = { ...principal, ...formOfAnotherSite, ...headers };
    expect((await send('POST', 'delegated', sent)).status).toBe(200);
  });

  it('has the rule also where the platform hides its cookie', async () => {
    const { status } = await send('POST', 'delegated', { ...principal, ...formOfAnotherSite });
    expect(status).toBe(403);
  });
});

describe('a request to which the platform adds no principal', () => {
  const count = async (name: string, labels: Record<string, string>): Promise<number> => {
    const metric = await guarded.app.get(Registry).getSingleMetric(name)?.get();
    const wanted = JSON.stringify(labels);
    return metric?.values.find((one) => JSON.stringify(one.labels) === wanted)?.value ?? 0;
  };

  it.each<[string, string, Headers, string]>([
    ['the session cookie', 'session cookie', cookie, 'restart the revision'],
    ['an access token', 'token', { authorization: 'Bearer a.b.c' }, 'restart the revision'],
    ['a session token', 'session token', { 'x-zumo-auth': 'x' }, 'restart the revision'],
    ['nothing', 'none', {}, 'require authentication at the platform'],
    [
      'the other headers of the platform only',
      'session cookie',
      { ...cookie, 'x-ms-client-principal-id': 'x', 'x-ms-client-principal-idp': 'google' },
      'restart the revision',
    ],
  ])('is refused and counted, with %s', async (_what, credentials, headers, remedy) => {
    const [reason, name] = ['principal-missing', 'authentication_principals_missing_total'];
    const before = await count(name, { credentials });
    const refusedBefore = await count('authentication_refusals_total', { reason });
    expect(await send('GET', 'whoami', headers)).toMatchObject({
      ...{ status: 401, body: { code: 'unauthenticated' } },
    });
    expect(await count(name, { credentials })).toBe(before + 1);
    expect(await count('authentication_refusals_total', { reason })).toBe(refusedBefore + 1);
    expect(refusals()).toMatchObject([
      { level: 'info', fields: { reason, expected: 'x-ms-client-principal' } },
    ]);
    expect(JSON.stringify(refusals())).toContain(remedy);
    expect(JSON.stringify(refusals())).not.toContain('c2Vzc2lvbg');
  });

  it('writes a bounded number of lines, and counts exactly', async () => {
    const [reason, metric] = ['principal-missing', 'authentication_refusals_total'];
    const before = await count(metric, { reason });
    for (let n = 0; n < 40; n += 1) await send('GET', 'whoami', cookie);
    expect(refusals().length).toBeLessThanOrEqual(20);
    expect(await count(metric, { reason })).toBe(before + 40);
  });

  it('does not pass with a bearer token of an issuer, which the platform verifies', async () => {
    const { status } = await send('GET', 'whoami', { authorization: 'Bearer e30.e30.x' });
    expect(status).toBe(401);
  });
});
