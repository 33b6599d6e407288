import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { SAMPLE_APPS } from '../../apps/emulator/src/index.js';
import { routesOf } from '../security/routes.js';
import { runningBrowser } from '../support/browser.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { newPerson } from '../support/tokens-api.js';
import { runningWebServer } from '../support/web-server.js';

const MSAL = `${repositoryRoot}node_modules/@azure/msal-browser/lib/msal-browser.min.js`;
const REQUESTS_PER_MINUTE = 20;

/** A module that docs/calling-the-api.md shows, with the addresses of the service and the emulator. */
function example(name: string): string {
  const page = readFileSync(`${repositoryRoot}docs/calling-the-api.md`, 'utf8');
  const code = new RegExp(`^\`\`\`js\\n(// ${name}\\n[^]+?)^\`\`\`$`, 'm').exec(page)?.[1];
  if (code === undefined) throw new Error(`the page has no example ${name}`);
  const { emulator, url } = service();
  return code
    .replace('https://identity.example.com', url)
    .replace('<api>', `api://${emulator.apiAudience}`)
    .replace('<client id of your application>', SAMPLE_APPS['sample-web-app'].clientId)
    .replace(
      "'https://login.microsoftonline.com/<tenant id>'",
      // MSAL knows the hosts of Entra only.
      `'${emulator.entraUrl}/${emulator.tenantId}', knownAuthorities: ['${new URL(emulator.entraUrl).host}']`,
    );
}

const JAVASCRIPT = 'text/javascript';
const files = {
  '/': () => ({
    type: 'text/html',
    body: readFileSync(`${repositoryRoot}test/browser/app.html`),
  }),
  '/entra.js': () => ({ type: JAVASCRIPT, body: example('entra.js') }),
  '/identity-service.js': () => ({ type: JAVASCRIPT, body: example('identity-service.js') }),
  '/msal-browser.js': () => ({ type: JAVASCRIPT, body: readFileSync(MSAL) }),
  '/msal-browser.mjs': () => ({
    type: JAVASCRIPT,
    body: 'export const { InteractionRequiredAuthError, PublicClientApplication } = msal;',
  }),
};
const app = runningWebServer(files);
const otherApp = runningWebServer(files);
const service = runningService(() => ({
  environment: {
    ALLOWED_ORIGINS: app(),
    AUTHENTICATION_REQUESTS_PER_MINUTE: String(REQUESTS_PER_MINUTE),
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
  },
}));
const openPage = runningBrowser(() => service().emulator);

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly accessToken: string;
}

/** Signs in as one of the sample people, by the page's button and the account picker. */
async function signIn(page: Page, name: string): Promise<void> {
  await page.goto(app());
  await page.click('#sign-in');
  await page.click(`button:has-text("${name}")`);
  await page.waitForSelector(`h1:text-is("${name}")`);
}

/** Calls the api by the page's own function, as the person that is signed in. */
async function call(page: Page, method: string, path: string, options = {}): Promise<Answer> {
  const sent = JSON.stringify([service().url + path, method, options]);
  const answer = await page.evaluate<Answer>(`call(...${sent})`);
  service().scanner.forbid(answer.accessToken);
  if (typeof answer.body.token === 'string') service().scanner.forbid(answer.body.token);
  return answer;
}

/** What a page sees of a request with a valid token. */
async function fetched(page: Page, method: string, path: string, bearer: string): Promise<unknown> {
  const init = { method, headers: { authorization: `Bearer ${bearer}` } };
  const sent = JSON.stringify([service().url + path, init]);
  return page.evaluate(`fetch(...${sent}).then(({ status }) => status, ({ name }) => name)`);
}

describe('a page of an allowed origin', () => {
  it('signs in through MSAL, gets a token of its person, refreshes, and signs out', async () => {
    const page = await openPage();
    const errors: string[] = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await signIn(page, 'Alice Adams');

    expect(await call(page, 'GET', '/v1/me/identity')).toMatchObject({
      status: 404,
      body: { type: 'urn:acs-identity:problem:mapping-not-found' },
    });
    const issued = await call(page, 'POST', '/v1/me/tokens');
    expect(issued).toMatchObject({ status: 200 });
    expect(issued.headers['x-request-id']).toBeDefined();
    const { identity } = issued.body;
    expect(await call(page, 'GET', '/v1/me/identity')).toMatchObject({
      status: 200,
      body: { id: (identity as { id: string }).id },
    });

    const again = await call(page, 'POST', '/v1/me/tokens', { forceRefresh: true });
    expect(again).toMatchObject({ status: 200, body: { identity } });
    expect(again.accessToken).not.toBe(issued.accessToken);

    await page.click('#sign-out');
    await page.waitForSelector('h1:text-is("Nobody")');
    const actions = (await service().auditEntries()).map(({ action }) => action);
    expect(actions).toContain('token.revoke');
    expect(errors.filter((text) => !text.includes('404'))).toEqual([]);
  });

  it('reads when it may try again, and waits', async () => {
    const page = await openPage();
    await signIn(page, 'Bob Brown');
    const { control } = service().emulator;
    await control.addFault({ service: 'acs', operation: '*', kind: 'status', status: 503 });
    const unavailable = await call(page, 'POST', '/v1/me/tokens');
    await control.removeFaults();
    const fault = {
      service: 'acs',
      operation: '*',
      kind: 'status',
      status: 503,
      count: 1,
    } as const;
    await control.addFault({ ...fault, headers: { 'retry-after': '1' } });
    expect(await page.evaluate("post('/v1/me/tokens').then(({ expiresOn }) => expiresOn)")).toMatch(
      /^20/,
    );
    expect((await control.listFaults())[0]?.hits).toBe(1);
    await control.removeFaults();
    expect(unavailable.status).toBe(503);
    expect(Number(unavailable.headers['retry-after'])).toBeGreaterThan(0);

    let limited = unavailable;
    for (let n = 0; n <= REQUESTS_PER_MINUTE * 3 && limited.status !== 429; n += 1)
      limited = await call(page, 'GET', '/v1/me/identity');
    expect(limited.status).toBe(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect(limited.headers.ratelimit).toMatch(/^"minute"/);
  });

  it('cannot call a route of administrators, auditors or operators', async () => {
    const page = await openPage();
    await page.goto(app());
    const ada = await service().token('ada');
    const routes = (await routesOf(service())).filter(({ path }) => !/^\/v1\/me(\/|$)/.test(path));
    expect(routes.length).toBeGreaterThan(10);
    for (const { method, path } of routes)
      expect(await fetched(page, method, path, ada), `${method} ${path}`).toBe('TypeError');
  });
});

describe('a page of another origin', () => {
  it('cannot call any route: the browser does not even send the request', async () => {
    const page = await openPage();
    const errors: string[] = [];
    page.on('console', (message) => errors.push(message.text()));
    await page.goto(otherApp());
    const { bearer, oid } = await newPerson(service());
    expect(await fetched(page, 'POST', '/v1/me/tokens', bearer)).toBe('TypeError');
    expect(errors.join('\n')).toContain('blocked by CORS policy');
    const subjects = (await service().auditEntries()).map(({ actor }) => actor.subject);
    expect(subjects).not.toContain(oid);
    await expect.poll(() => service().logLines.join('\n')).toContain(`"origin":"${otherApp()}"`);
  });
});
