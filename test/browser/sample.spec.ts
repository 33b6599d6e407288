import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { ControlClient, SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { startApi } from '../../apps/local/src/api-process.js';
import { runningBrowser } from '../support/browser.js';
import { ProjectCopy, type Run } from '../support/project-copy.js';
import { compileCache, repositoryRoot } from '../support/root.js';
import { relaxedTimeouts } from '../support/service.js';

/** One token per window and replica after the first one, so that the next request is refused. */
const ONE_TOKEN_PER_WINDOW = {
  ACS_BUDGET_ISSUE: '1',
  ACS_BUDGET_WINDOW_MS: '4000',
  ACS_BUDGET_MAX_WAIT_MS: '100',
};

const OTHER_ORIGIN = 'https://app.contoso.example';

const addresses = z.object({
  apiUrl: z.url(),
  sampleUrl: z.url(),
  emulator: z.object({
    ...{ entra: z.url(), entraHttp: z.url(), acs: z.url(), keyVault: z.url(), control: z.url() },
  }),
  caFile: z.string(),
  databaseUrl: z.string(),
  tenantId: z.guid(),
  apiAudience: z.guid(),
});

/** The local environment as `npm start` runs it, in a folder of its own. */
let copy: ProjectCopy;
let run: Run;
let environment: z.output<typeof addresses>;
let control: ControlClient;

beforeAll(async () => {
  copy = await ProjectCopy.create(['dist', 'package.json', 'node_modules']);
  await copy.takeOwnPorts();
  run = copy.run([process.execPath, copy.main], {
    environment: {
      ...{ ...relaxedTimeouts, ...ONE_TOKEN_PER_WINDOW, ALLOWED_ORIGINS: OTHER_ORIGIN },
      AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
      // As docker-compose.development.yml does.
      ...{ HOST: '0.0.0.0', LOCAL_BROWSER_HOST: '0.0.0.0' },
    },
  });
  await copy.untilReady(run);
  const file = join(copy.folder, '.local/environment.json');
  environment = addresses.parse(JSON.parse(await readFile(file, 'utf8')));
  control = new ControlClient(environment.emulator.control);
}, 120_000);

afterAll(async () => copy[Symbol.asyncDispose]());

/** It trusts no certificate of the emulator, as no browser does. */
const openBrowserPage = runningBrowser();
/** Errors in the console of each page: those of content security policies too. */
const consoleErrors: string[] = [];

async function openPage(): Promise<Page> {
  const page = await openBrowserPage();
  page.on('console', (message) => message.type() === 'error' && consoleErrors.push(message.text()));
  page.on('pageerror', ({ message }) => consoleErrors.push(message));
  return page;
}

async function signIn(page: Page, name: string): Promise<void> {
  await page.goto(environment.sampleUrl);
  await page.click('text="Sign in"');
  await page.click(`button:has-text("${name}")`);
  await page.waitForSelector(`#name:text-is("${name}")`);
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector)) ?? '';
}

async function untilStatus(page: Page, status: string): Promise<void> {
  // The page waits as long as Retry-After says.
  await expect.poll(async () => textOf(page, '#status'), { timeout: 90_000 }).toBe(status);
}

const FORMS = {
  light: { colorScheme: 'light', width: 820, height: 640 },
  dark: { colorScheme: 'dark', width: 820, height: 640 },
  narrow: { colorScheme: 'dark', width: 360, height: 740 },
} as const;

/** Another api process on the same database, to which the requests of the page then lead. */
async function addApi(
  page: Page,
  acsResourceId: string,
  more: Record<string, string>,
): Promise<void> {
  const { apiUrl, sampleUrl, emulator, databaseUrl, ...same } = environment;
  const api = await startApi({
    ...{ PATH: process.env.PATH, ...compileCache, ...relaxedTimeouts },
    ...apiEnvironment(
      {
        ...{ ...same, acsResourceId, secondTenantId: SAMPLE_TENANTS.second.id },
        ...{ entraUrl: emulator.entra, acsUrl: emulator.acs, keyVaultUrl: emulator.keyVault },
      },
      databaseUrl,
    ),
    ...{ AUDIT_CHECKPOINT_FILE: undefined, PORT: '0', ALLOWED_ORIGINS: sampleUrl, ...more },
  });
  onTestFinished(async () => api.stop());
  await page.route(`${apiUrl}/**`, async (route) =>
    route.continue({ url: route.request().url().replace(apiUrl, api.url) }),
  );
}

/** `SCREENSHOTS=1 npx vitest run test/browser/sample.spec.ts` replaces the pictures of the docs. */
async function picture(page: Page, name: string, ...forms: (keyof typeof FORMS)[]): Promise<void> {
  if (process.env.SCREENSHOTS !== '1') return;
  const folder = `${repositoryRoot}docs/images`;
  await mkdir(folder, { recursive: true });
  for (const form of forms) {
    const { colorScheme, ...size } = FORMS[form];
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    await page.screenshot({ path: `${folder}/${name}-${form}.png` });
  }
}

describe('the sample page', { timeout: 180_000 }, () => {
  it('shows a token, renews it, waits out a 429, and signs out', async () => {
    const page = await openPage();
    await page.goto(environment.sampleUrl);
    await page.click('text="Sign in"');
    await page.waitForSelector('text=emulator of Microsoft Entra ID');
    expect(page.url()).toContain(environment.emulator.entraHttp);
    await picture(page, 'sample-sign-in', 'light');
    // MSAL refuses a second sign-in while it takes the first one for unfinished.
    await page.goBack();
    await page.click('text="Sign in"');
    await page.click('button:has-text("Alice Adams")');

    await untilStatus(page, 'Valid');
    expect(await textOf(page, '#identity')).toMatch(/^8:acs:/);
    expect(await textOf(page, '#expiry')).toMatch(/, in (59 min|1 h( 1 s)?$)/);
    await picture(page, 'sample-token', 'light', 'dark', 'narrow');
    await page.click('text="Show"');
    const token = await textOf(page, '#token');
    expect(await control.validateAcsToken(token)).toMatchObject({ valid: true });
    await page.click('text="Hide"');

    await expect
      .poll(async () => {
        if ((await textOf(page, '#status')) === 'Valid') await page.click('text="Refresh now"');
        return textOf(page, '#failure');
      })
      .toMatch(/429.*/);
    expect(await textOf(page, '#pause-time')).toMatch(/^Again (in \d+ s|now …)$/);
    await picture(page, 'sample-waiting', 'light');
    await untilStatus(page, 'Valid');
    expect(await page.isVisible('#failure')).toBe(false);
    expect(await textOf(page, '#events li')).toMatch(/Token renewed$/);

    await page.click('text="Sign out"');
    await page.waitForSelector('text="Sign in"');
    expect(await control.validateAcsToken(token)).toMatchObject({ valid: false });
    expect(consoleErrors.filter((text) => !text.includes('status of 429'))).toEqual([]);
  });

  it('has its origin beside those of ALLOWED_ORIGINS', async () => {
    const { apiUrl, sampleUrl } = environment;
    for (const origin of [OTHER_ORIGIN, sampleUrl]) {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const preflight = await fetch(`${apiUrl}/v1/me/tokens`, { method: 'OPTIONS', headers });
      expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    }
  });

  it('says why a person is refused, and lets them sign out', async () => {
    consoleErrors.length = 0;
    const page = await openPage();
    await signIn(page, 'Mallory Moore');
    await expect.poll(async () => textOf(page, '#failure')).toMatch(/insufficient-permission/);
    expect(await textOf(page, '#failure-facts')).toMatch(/403.*Request\S+/);
    expect(await page.isVisible('#failure-action')).toBe(false);
    await page.click('text="Sign out"');
    await page.waitForSelector('text="Sign in"');
    expect(consoleErrors.filter((text) => !text.includes('status of 403'))).toEqual([]);
  });

  it('asks for a new sign-in when Entra wants one', async () => {
    consoleErrors.length = 0;
    const page = await openPage();
    await signIn(page, 'Bob Brown');
    await untilStatus(page, 'Valid');
    // As after 24 hours: no access token, and Entra refuses the refresh token.
    await page.evaluate(`Object.keys(sessionStorage)
      .filter((key) => key.includes('accesstoken'))
      .forEach((key) => sessionStorage.removeItem(key))`);
    await control.addFault({
      ...{ service: 'entra', operation: 'token', kind: 'status', status: 400, count: 1 },
      headers: { 'access-control-allow-origin': environment.sampleUrl },
      body: JSON.stringify({ error: 'invalid_grant', error_description: 'AADSTS700084: expired' }),
    });
    await page.click('text="Refresh now"');
    await expect.poll(async () => textOf(page, '#failure')).toContain('Your sign-in has ended');
    await page.click('text="Sign in again"');
    await page.click('button:has-text("Bob Brown")');
    await untilStatus(page, 'Valid');
    expect(consoleErrors.filter((text) => !/status of (400|429)/.test(text))).toEqual([]);
  });

  it('asks for another sign-in when the service challenges for one, and has a token by it', async () => {
    consoleErrors.length = 0;
    const page = await openPage();
    await signIn(page, 'Bob Brown');
    await untilStatus(page, 'Valid');
    const [, acsResourceId = ''] =
      /^8:acs:([\da-f-]{36})_/.exec(await textOf(page, '#identity')) ?? [];
    await addApi(page, acsResourceId, { ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'c1' });
    await page.click('text="Refresh now"');
    await expect.poll(async () => textOf(page, '#failure')).toContain('Another sign-in is needed');
    await page.click('text="Sign in again"');
    await page.click('button:has-text("Bob Brown")');
    await untilStatus(page, 'Valid');
    expect(consoleErrors.filter((text) => !/status of (400|401|429)/.test(text))).toEqual([]);
  });

  it(
    'says so while the service does not reach Entra, and has a token afterwards',
    { timeout: 120_000 },
    async () => {
      consoleErrors.length = 0;
      await control.rotateKeys();
      for (const operation of ['metadata', 'keys']) {
        await control.addFault({ service: 'entra', operation, kind: 'status', status: 503 });
      }
      const page = await openPage();
      await signIn(page, 'Alice Adams');
      await expect
        .poll(async () => textOf(page, '#failure-facts'))
        .toMatch(/503.*identity-provider-unavailable/);
      expect(await textOf(page, '#pause-time')).toMatch(/^Again (in \d+ s|now …)$/);
      await control.removeFaults();
      await untilStatus(page, 'Valid');
      expect(consoleErrors.filter((text) => !/status of (429|503)/.test(text))).toEqual([]);
    },
  );

  it('is reached at every address of its container, as docker-compose.development.yml needs it', async () => {
    const { sampleUrl, emulator } = environment;
    for (const url of [sampleUrl, `${emulator.entraHttp}/${environment.tenantId}/discovery/keys`]) {
      const response = await fetch(url.replace(/localhost|127\.0\.0\.1/, '127.0.0.2'));
      expect(response.status, url).toBe(200);
    }
  });

  it('says that the service does not answer, and ends with the environment', async () => {
    const page = await openPage();
    await signIn(page, 'Bob Brown');
    await untilStatus(page, 'Valid');
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);
    await expect(fetch(environment.sampleUrl)).rejects.toThrow('fetch failed');
    await page.click('text="Refresh now"');
    await expect.poll(async () => textOf(page, '#failure-title')).toContain('does not answer');
    expect(await textOf(page, '#failure-detail')).toContain(environment.apiUrl);
    expect(await page.isVisible('#failure-action:text-is("Try again")')).toBe(true);
    await copy.untilNothingRuns();
  });
});
