/**
 * The console in a browser, on a large log.
 *
 *   npm run bench:console -- [--entries 100000] [--rounds 7]
 *
 * Fills a log as `bench:audit` does, starts the service and Chromium, and measures what an auditor waits
 * for: from the click that ends the sign-in to the first row, from a search to its first row, and the memory of the
 * page after 10,000 rows. The first round is a warm-up. 5,000,000 entries need about 10 GB of disk while it
 * runs.
 *
 * Writes bench/results/console.md; exits with 1 when a goal is missed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { consoleProviders } from '../apps/local/src/console-providers.js';
import { launchBrowser } from '../test/support/browser.js';
import { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { fillLog, nameOf, subjectOf, tokenIdOf, traceIdOf } from './audit-filler.js';
import { auditReport, type Figure, partText, type PartReport } from './audit-report.js';
import { median, whole } from './figures.js';
import { benchmarkOptions } from './options.js';

const GOAL_MS = 1_000;
const ROWS = 10_000;
const GOAL_HEAP_BYTES = 150_000_000;
const ROW = '.entries-body [role=row]';
/** Notes when a row is there: Playwright looks for it at intervals of up to half a second. */
const OBSERVER = `new MutationObserver(() => {
  if (document.querySelector('[role=grid]:not([data-before]) ${ROW}')) globalThis.firstRowAt ??= Date.now();
}).observe(document, { subtree: true, childList: true })`;
const AUDITOR = 'Grace Green';

const { entries, rounds } = benchmarkOptions(import.meta.url, { entries: 100_000, rounds: 7 });

/** What is searched for in a round: a fragment of the address, or what is typed into the search box. */
type Search = (nth: number) => { readonly fragment: string } | { readonly typed: string };

const SEARCHES: Readonly<Record<string, Search>> = {
  'the last day, again': (nth) => ({ fragment: `range=${24 * 60 + nth}m` }),
  'refusals of 90 days': (nth) => ({ fragment: `range=${90 * 24 + nth}h&outcome=denied` }),
  'an action and an outcome': (nth) => ({
    fragment: `range=${90 * 24 + nth}h&action=identity.suspend&outcome=failure`,
  }),
  'a rare word in the reason': (nth) => ({
    fragment: `range=${90 * 24 + nth}h&reasonText=singular`,
  }),
  'a person': (nth) => ({ fragment: `range=90d&actorSubject=${subjectOf(nth * 31)}` }),
  'a name': (nth) => ({ typed: nameOf(nth * 17) }),
  'a trace id': (nth) => ({ fragment: `range=90d&traceId=${traceIdOf(nth * 101)}` }),
  'a session': (nth) => ({ fragment: `range=90d&tokenId=${tokenIdOf(nth * 101)}` }),
};

const cluster = await startTestCluster();
const folder = await mkdtemp(join(tmpdir(), 'acs-identity-console-'));
let service: Service | undefined;
let browser: Browser | undefined;
try {
  service = await Service.start({ cluster, replicas: 0 });
  await (await fillLog(service.database, entries)).close();
  const providers = join(folder, 'providers.json');
  await writeFile(providers, consoleProviders(service.emulator, service.emulator.entraHttpUrl));
  await service.addApi({
    CONSOLE_ENABLED: 'true',
    CONSOLE_PROVIDERS_FILE: providers,
    LOG_LEVEL: 'info',
  });
  browser = await launchBrowser(folder);
  const report = await measure(browser, `${service.url}/console/`);
  const command = ['npm run bench:console --', ...process.argv.slice(2)].join(' ');
  console.log(partText(report));
  await writeFile('bench/results/console.md', auditReport(report, command.replace(/ --$/, '')));
  process.exitCode = report.figures.some(({ goal }) => goal?.isMet === false) ? 1 : 0;
} finally {
  await browser?.close();
  await service?.stop();
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
}

async function measure(chromium: Browser, url: string): Promise<PartReport> {
  const firstVisits: number[] = [];
  const visits: number[] = [];
  const searches = new Map<string, number[]>(Object.keys(SEARCHES).map((name) => [name, []]));
  let heapBytes = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const context = await chromium.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(30_000);
    await context.addInitScript(OBSERVER);
    const page = await context.newPage();
    const firstMs = await signIn(page, url);
    // Leaves the page, as a new day does: the token was in its memory.
    await page.goto('about:blank');
    const visitMs = await signIn(page, url);
    if (round > 0) {
      firstVisits.push(firstMs);
      visits.push(visitMs);
    }
    for (const [name, search] of Object.entries(SEARCHES)) {
      const ms = await searchMs(page, search(round + 1));
      if (round > 0) searches.get(name)?.push(ms);
    }
    if (round === rounds) heapBytes = await heapAfterRows(page);
    await context.close();
  }
  return {
    title: 'Console',
    how: `A log of ${whole(entries)} entries over twenty days, written by the service's own code; medians of ${rounds} rounds after a warm-up, each with a new profile of Chromium. Times end when the row is there, as a script in the same process sees it. PostgreSQL does not wait for the disk.`,
    figures: [
      timeFigure('From the end of the sign-in to the first row', visits),
      { what: 'The same with nothing of the page in the cache', measured: spreadMs(firstVisits) },
      ...[...searches].map(([name, times]) =>
        timeFigure(`From a search to its first row: ${name}`, times),
      ),
      {
        what: `Memory of JavaScript after ${whole(ROWS)} rows`,
        measured: `${whole(heapBytes / 1_000_000)} MB`,
        goal: { text: 'less than 150 MB', isMet: heapBytes < GOAL_HEAP_BYTES },
      },
    ],
  };
}

function timeFigure(what: string, times: readonly number[]): Figure {
  return {
    what,
    measured: spreadMs(times),
    goal: { text: 'at most 1 s', isMet: median(times) <= GOAL_MS },
  };
}

function spreadMs(times: readonly number[]): string {
  return `${whole(median(times))} ms (${whole(Math.min(...times))} to ${whole(Math.max(...times))})`;
}

/** From the last click of the sign-in: the provider's redirect, the page, its token and the first search. */
async function signIn(page: Page, url: string): Promise<number> {
  await page.goto(`${url}#/search?range=90d`);
  await page.click('text="Sign in"');
  const button = page.locator(`button:has-text("${AUDITOR}")`);
  await button.waitFor();
  const startedAt = Date.now();
  await button.click();
  await page.waitForSelector(ROW);
  return (await firstRowAt(page)) - startedAt;
}

async function searchMs(page: Page, search: ReturnType<Search>): Promise<number> {
  // Rows of the search before are none of this one.
  await page.evaluate(
    "document.querySelector('[role=grid]')?.setAttribute('data-before', ''); globalThis.firstRowAt = undefined",
  );
  const isTyped = 'typed' in search;
  if (isTyped) await page.fill('#search-box', search.typed);
  const startedAt = Date.now();
  if (isTyped) await page.press('#search-box', 'Enter');
  else await page.evaluate(`location.hash = '#/search?${search.fragment}'`);
  await page.waitForSelector(`[role=grid]:not([data-before]) ${ROW}`);
  return (await firstRowAt(page)) - startedAt;
}

async function firstRowAt(page: Page): Promise<number> {
  return page.evaluate<number>('globalThis.firstRowAt');
}

/** Pages down through the whole log, and lets the page clean up. */
async function heapAfterRows(page: Page): Promise<number> {
  await searchMs(page, { fragment: 'range=89d' });
  const wanted = Math.min(ROWS, entries);
  for (;;) {
    for (let n = 0; n < 10; n += 1) await page.keyboard.press('PageDown');
    const shown = /(\d+) shown/.exec((await page.textContent('.foot')) ?? '')?.[1];
    if (Number(shown) >= wanted) break;
  }
  const client = await page.context().newCDPSession(page);
  await client.send('HeapProfiler.collectGarbage');
  const { usedSize } = await client.send('Runtime.getHeapUsage');
  return usedSize;
}
