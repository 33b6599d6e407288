import { readFileSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { repositoryRoot } from '../../support/root.js';
import { axeViolations } from './axe.js';
import type { ConsoleRig } from './rig.js';

const BUILT = `${repositoryRoot}dist/console/`;
const MAX_FIRST_ROUTE_BYTES = 230_000;
const MAX_PART_BYTES = 40_000;
const SEARCH = '**/v1/audit/entries/search';

/** Zones, other tenants, refusals and sizes. */
export function stateSpecs(rig: ConsoleRig): void {
  it('shows one zone everywhere, and a link means the same entries in another one', async () => {
    const { page, problems } = await rig.open({
      timezoneId: 'Asia/Kolkata',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await rig.signIn(page, 'Grace Green', '#/search?outcome=failure&range=1h');
    await page.waitForSelector('.entries-body [role=row]');
    await page.keyboard.press('u');
    await page.waitForSelector('[role=columnheader]:has-text("Asia/")');
    const time = await page.textContent('.entries-body .time');
    expect(time).toContain('+05:30');
    expect(await page.textContent('.foot')).toMatch(/\+05:30 Asia\/(Kolkata|Calcutta)/);
    await page.keyboard.press('c');
    const link = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(link).toMatch(
      /#\/search\?outcome=failure&from=[^&]+Z&to=[^&]+Z&tz=Asia%2F(Kolkata|Calcutta)&columns=triage$/,
    );
    const other = await rig.open({ timezoneId: 'Europe/Zurich' });
    await rig.signIn(other.page, 'Grace Green', new URL(link).hash);
    await other.page.waitForSelector('.entries-body [role=row]');
    expect(await other.page.textContent('.entries-body .time')).toBe(time);
    expect([...problems, ...other.problems]).toEqual([]);
  });

  it('shows auditors of another tenant its entries alone, and no page of the whole log', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Ivan Ivanov', '#/search?action=token.issue&action=token.reuse');
    await page.waitForSelector('.entries-body [role=row]');
    expect(await page.textContent('.banner')).toBe('entries of your tenant only');
    expect(await page.locator('nav a').allTextContents()).not.toContain('Trace');
    const people = new Set(await page.locator('.entries-body .who').allTextContents());
    expect([...people]).toEqual(['Olga Orlova']);
    expect(problems).toEqual([]);
  });

  it('says what is wrong, counts down Retry-After, and repeats once', async () => {
    const { page } = await rig.openIntercepted();
    const problem =
      (status: number, more: object, headers = {}): Parameters<typeof page.route>[1] =>
      async (route) =>
        route.fulfill({
          status,
          headers,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            ...{ type: 'urn:acs-identity:problem:test', title: `Status ${status}`, status },
            ...{ detail: `because of ${status}`, requestId: crypto.randomUUID(), ...more },
          }),
        });
    // What the page needs before it shows anything: of a person who has signed in.
    const noConfig = problem(503, {}, { 'retry-after': '1' });
    await page.route('**/config.json', noConfig, { times: 1 });
    await page.route('**/v1/me', problem(429, {}, { 'retry-after': '2' }), { times: 1 });
    await page.route(SEARCH, problem(503, {}, { 'retry-after': '1' }), { times: 2 });
    const noAnswer = page.waitForSelector(
      '.failure:has-text("The service does not answer"):has-text("429"):has-text("Again in")',
    );
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied');
    await noAnswer;
    await page.waitForSelector('.failure:has-text("because of 503")');
    expect(await page.textContent('.foot')).toBe('nothing shown yet');
    await page.waitForSelector('.failure:has-text("because of 503"):has-text("Possible in")');
    await page.click('button:has-text("Try again")');
    await page.waitForSelector('.entries-body [role=row]');
    // As a proxy whose sign-in has ended.
    const login = { status: 200, contentType: 'text/html', body: '<html>login' };
    await page.route(SEARCH, async (route) => route.fulfill(login), { times: 1 });
    await page.keyboard.press('.');
    await page.waitForSelector('.failure:has-text("Load the page again"):has-text("status 200")');
    await page.click('button:has-text("Try again")');
    await page.waitForSelector('.foot:has-text("shown · end reached")');
    // A refresh that fails takes away nothing of what is shown.
    await page.keyboard.press('j');
    const marked = await page.textContent('.entries-body [aria-selected=true]');
    await page.route(SEARCH, problem(500, {}), { times: 1 });
    await page.keyboard.press('.');
    await page.waitForSelector('.failure:has-text("because of 500")');
    expect(await page.textContent('.entries-body [aria-selected=true]')).toBe(marked);
    expect(await page.textContent('.foot')).toMatch(/\d shown · not refreshed/);
    await page.click('button:has-text("Try again")');
    await page.waitForSelector('.foot:has-text("shown · end reached")');

    await page.route(
      SEARCH,
      problem(400, { errors: [{ pointer: '/clientApp', detail: 'is wrong' }] }),
      {
        times: 1,
      },
    );
    await page.goto(`${rig.url()}#/search?clientApp=x`);
    await page.waitForSelector('.chip.is-refused:has-text("is wrong")');
    await page.route(SEARCH, problem(403, {}), { times: 1 });
    await page.click('button:has-text("Refresh")');
    await page.waitForSelector('.failure:has-text("because of 403")');
    expect(await axeViolations(page)).toEqual([]);
    await page.click('button:has-text("Try again")');
    await page.waitForSelector('.empty:has-text("No entry where app is x")');
    await page.goto(`${rig.url()}#/search?outcome=denied&outcome=bogus`);
    await page.waitForSelector('.chip.is-refused:has-text("bogus")');
    expect(await page.locator('.chip.is-refused').count()).toBe(1);
    await page.goto(`${rig.url()}#/search?colour=red`);
    await page.waitForSelector('.chip.is-refused:has-text("colour")');
    expect(await page.locator('.entries-body [role=row]').count()).toBe(0);
  });

  it('opens links that were cut, and requests nothing but what they name', async () => {
    const { page, problems } = await rig.open();
    const requested: string[] = [];
    page.on('request', (request) => requested.push(new URL(request.url()).pathname));
    await rig.signIn(page, 'Grace Green', '#/entry/%');
    await page.waitForSelector('.entry .failure');
    await page.goto(`${rig.url()}#/entry/..%2F..%2Fme%2Fidentity`);
    await page.waitForSelector('.entry .failure');
    expect(requested).toContain('/v1/audit/entries/..%2F..%2Fme%2Fidentity');
    expect(requested).not.toContain('/v1/me/identity');
    await page.goto(`${rig.url()}#/identities/%E0%A4%A`);
    await page.waitForSelector('h1:has-text("Identities")');
    expect(problems.filter((text) => !text.startsWith('Failed to load resource'))).toEqual([]);
  });

  it('loads no more than its budget for the first page, without its dialogs, and for each later part', async () => {
    const { page } = await rig.open();
    const loaded = new Set<string>();
    page.on('request', (request) => {
      const [, path] = request.url().split('/console/');
      if (path?.startsWith('assets/') === true) loaded.add(path);
    });
    await rig.signIn(page, 'Grace Green', '#/search');
    await page.waitForSelector('.entries-body [role=row]');
    const files = JSON.parse(readFileSync(`${BUILT}files.json`, 'utf8')) as Record<string, string>;
    // Files of a few bytes are not compressed.
    const sizeOf = (path: string): number =>
      (statSync(`${BUILT}${path}.br`, { throwIfNoEntry: false }) ?? statSync(BUILT + path)).size;
    const first = [...loaded].reduce((sum, path) => sum + sizeOf(path), 0);
    expect(first).toBeGreaterThan(50_000);
    expect(first).toBeLessThan(MAX_FIRST_ROUTE_BYTES);
    const hasDialogs = (path: string): boolean =>
      readFileSync(BUILT + path, 'utf8').includes('fui-DialogSurface');
    expect([...loaded].filter(hasDialogs)).toEqual([]);
    for (const path of Object.keys(files))
      if (path.endsWith('.js') && !loaded.has(path))
        expect(sizeOf(path), path).toBeLessThan(MAX_PART_BYTES);
  });

  it('is served with its policy, unchangeable files for ever, and nothing else', async () => {
    const page = await fetch(rig.url(), { headers: { 'accept-encoding': 'br' } });
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'; style-src");
    expect(page.headers.get('content-encoding')).toBe('br');
    const etag = page.headers.get('etag') ?? '';
    const again = await fetch(rig.url(), { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
    const [asset] = /assets\/[^"]+\.js/.exec(await page.text()) ?? [];
    const file = await fetch(`${rig.url()}${asset}`);
    expect(file.headers.get('cache-control')).toContain('immutable');
    for (const path of ['files.json', 'assets/', 'assets/x.js', '..%2fbin/api.js', 'index.html'])
      expect((await fetch(rig.url() + path)).status, path).toBeGreaterThanOrEqual(400);
  });
}
