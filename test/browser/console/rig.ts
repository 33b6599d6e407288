import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { NoteSigner } from '#libs/transparency-log';
import { TestWitness } from '#libs/witness/testing';
import { afterAll, beforeAll, inject } from 'vitest';
import { consoleProviders } from '../../../apps/local/src/console-providers.js';
import { runningBrowser } from '../../support/browser.js';
import { repositoryRoot } from '../../support/root.js';
import { Service } from '../../support/service.js';
import { redirectOf } from './redirect.js';
import { seedLog } from './seed.js';

/** The private key of the log: for tests that sign another log with it. */
export const LOG_SEED = randomBytes(32);

export const ORIGIN = 'localhost/acs-identity';
const TEAM = 'team.example/w1';

/** What a page must not do: run against its policy, fail in its console, or call another origin. */
export interface WatchedPage {
  readonly page: Page;
  readonly problems: string[];
}

/** The service with the console, a log to look at, and a browser. */
export interface ConsoleRig {
  readonly service: () => Service;
  readonly url: () => string;
  open(options?: BrowserContextOptions): Promise<WatchedPage>;
  /**
   * The same for specs that answer requests by `page.route`: a request that the page sends while its first route
   * is added may pass it by, so one is there from the beginning. Chromium sends no preflight from such a page.
   */
  openIntercepted(): Promise<WatchedPage>;
  /** Opens the console as a sample person who has signed in. @param fragment such as `#/search` */
  signIn(page: Page, name: string, fragment?: string): Promise<void>;
  /** The same through the pages of the console and of the emulator, for specs about the sign-in. */
  signInOnPages(page: Page, name: string, fragment: string): Promise<void>;
}

/** One service and one browser for all specs of the console. */
export function consoleRig(): ConsoleRig {
  let service: Service | undefined;
  let folder: string | undefined;
  let witness: TestWitness | undefined;
  beforeAll(async () => {
    service = await Service.start({ cluster: inject('cluster'), replicas: 0 });
    folder = await mkdtemp(join(tmpdir(), 'console-'));
    const file = join(folder, 'providers.json');
    const { emulator } = service;
    await emulator.control.setSecret({
      name: 'audit-signing-key',
      value: LOG_SEED.toString('base64'),
    });
    await writeFile(file, consoleProviders(emulator, emulator.entraHttpUrl));
    await seedLog(service.database.serviceUrl, ORIGIN);
    const { verifier } = new NoteSigner(ORIGIN, LOG_SEED);
    witness = await TestWitness.start(TEAM, [{ origin: ORIGIN, verifiers: [verifier] }]);
    const policy = join(folder, 'policy');
    await writeFile(policy, `${witness.policyLine}\nquorum ${TEAM}\n`);
    await service.addApi({
      CONSOLE_ENABLED: 'true',
      CONSOLE_PROVIDERS_FILE: file,
      AUDIT_WITNESS_POLICY_FILE: policy,
      AUDIT_WITNESS_SECONDS: '1',
    });
  }, 120_000);
  afterAll(async () => {
    await service?.stop();
    await witness?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });
  const openPage = runningBrowser();
  const running = (): Service => {
    if (!service) throw new Error('the service has not been started');
    return service;
  };
  const url = (): string => `${running().url}/console/`;
  const open = async (options?: BrowserContextOptions): Promise<WatchedPage> => {
    const page = await openPage({
      viewport: { width: 1280, height: 800 },
      // Frames of animations are most of what is drawn.
      reducedMotion: 'reduce',
      ...options,
    });
    const problems: string[] = [];
    const origins = [running().url, running().emulator.entraHttpUrl];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('pageerror', ({ message }) => problems.push(message));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== 'data:' && !origins.includes(origin)) problems.push(request.url());
    });
    await page.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
      console.error('violates', event.effectiveDirective, event.blockedURI, event.sample))`);
    return { page, problems };
  };
  return {
    service: running,
    url,
    open,
    openIntercepted: async () => {
      const watched = await open();
      await watched.page.route('https://never.invalid/', async (route) => route.abort());
      return watched;
    },
    signIn: async (page, name, fragment = '') => {
      const { url: back, kept } = await redirectOf(running(), name, fragment);
      await page.addInitScript(`if (location.href === ${JSON.stringify(back)})
        Object.assign(sessionStorage, ${JSON.stringify(kept)})`);
      await page.goto(back);
      await untilSignedIn(page, name);
    },
    signInOnPages: async (page, name, fragment) => {
      await page.goto(url() + fragment);
      await page.click('text="Sign in"');
      await page.click(`button:has-text("${name}")`);
      await untilSignedIn(page, name);
    },
  };
}

async function untilSignedIn(page: Page, name: string): Promise<void> {
  const isSignedIn = page.waitForSelector(`.top .who:text-is("${name}")`, { state: 'attached' });
  await isSignedIn.catch(async (cause: unknown) => {
    throw new Error(`not signed in: ${await page.innerText('body')}`, { cause });
  });
}

const FORMS = {
  light: { colorScheme: 'light', width: 1280, height: 800 },
  dark: { colorScheme: 'dark', width: 1280, height: 800 },
  narrow: { colorScheme: 'dark', width: 360, height: 740 },
} as const;

/** `SCREENSHOTS=1 npx vitest run test/browser/console.spec.ts` replaces the pictures of the docs. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env.SCREENSHOTS !== '1') return;
  const folder = `${repositoryRoot}docs/images`;
  await mkdir(folder, { recursive: true });
  const size = page.viewportSize() ?? FORMS.light;
  for (const [form, { colorScheme, ...viewport }] of Object.entries(FORMS)) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await page.screenshot({
      animations: 'disabled',
      path: `${folder}/console-${name}-${form}.png`,
    });
  }
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: null });
}
