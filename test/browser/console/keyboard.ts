import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { issue } from '../../support/tokens-api.js';
import { counted } from './keys.js';
import type { ConsoleRig } from './rig.js';

const ROW = '.entries-body [role=row]';
const NORA = SAMPLE_PEOPLE.nora.objectId;

/** Tasks by keys alone. A paste counts as one. */
export function keyboardSpecs(rig: ConsoleRig): void {
  it('says why a request was refused, from its id, in three keys', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green');
    const keys = counted(page);
    await keys.press('/');
    await keys.paste('5e77ab1e-0000-4000-9000-000000000007');
    await keys.press('Enter');
    await page.waitForSelector('.entries-body [role=row]:has-text("insufficient-permission")');
    expect(await page.locator('.entries-body [role=row]').count()).toBe(1);
    expect(keys.count).toBe(3);
    // Of a proxy, and of nobody: what else it may be is offered.
    await keys.press('/');
    await keys.paste('"requestId": "7f3c2b1a9e8d4c6fb5a4039281706f5e"');
    await keys.press('Enter');
    await page.waitForSelector('.empty:has-text("request is 7f3c2b1a9e8d4c6fb5a4039281706f5e")');
    await page.click('.empty button:text-is("as trace")');
    await page.waitForSelector('.empty:has-text("trace is 7f3c")');
    expect(problems).toEqual([]);
  });

  it('leads from the picture of a day to its newest refusals in four keys', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green');
    const keys = counted(page);
    await keys.press('g');
    await keys.press('o');
    await page.waitForSelector('.chart .fill.is-denied');
    await keys.press('ArrowRight');
    await page.waitForSelector('.chart-range [role=status]:has-text("denied chosen")');
    await keys.press('Enter');
    await page.waitForSelector(ROW);
    expect(new URL(page.url()).hash).toContain('outcome=denied');
    expect(await page.locator(`${ROW}:not(:has(.outcome.is-denied))`).count()).toBe(0);
    expect(keys.count).toBe(4);
    await page.waitForSelector('main:focus');
    expect(await page.title()).toBe('Search · Audit console');
    expect(problems).toEqual([]);
  });

  it('shows in one list all that a person did and had done to them in a week, in two keys', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', `#/search?actorSubject=${NORA}`);
    await page.waitForSelector(ROW);
    const { objectId } = SAMPLE_PEOPLE.carol;
    const recorded = await rig.service().rows<{ entry_index: string; action: string }>(
      `SELECT entry_index, action FROM audit_entry
         WHERE (actor_subject = $1 OR target_subject = $1) AND action <> 'audit.read'
         ORDER BY entry_index DESC`,
      [objectId],
    );
    // Of each more than a page: what Carol did to herself, to Bob, and what Nora did to her.
    expect(recorded.length).toBeGreaterThan(250);
    const keys = counted(page);
    await keys.press('Enter');
    await page.waitForSelector('.entry button:has-text("the person it was done to")');
    await keys.press('b');
    await page.waitForSelector('.chip:has-text("involved person")');
    expect(keys.count).toBe(2);
    expect(new URL(page.url()).hash).toBe(`#/search?range=7d&involvedSubject=${objectId}`);
    await page.waitForSelector(ROW);
    expect(await allIndexes(page)).toEqual(recorded.map((entry) => Number(entry.entry_index)));
    await page.keyboard.press('o');
    await page.waitForSelector('button:text-is("Oldest first")');
    await page.waitForSelector(ROW);
    expect(await allIndexes(page)).toEqual(
      recorded.map((entry) => Number(entry.entry_index)).toReversed(),
    );
    expect(problems).toEqual([]);
  });

  it('leads from a name in the list to everything about its person in two clicks, and exports it', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', `#/search?actorSubject=${NORA}`);
    await page.click(`${ROW} .who:has-text("Nora North")`);
    await page.click('.entry button:text-is("Everything about this person")');
    await page.waitForSelector('.chip:has-text("involved person")');
    expect(new URL(page.url()).hash).toContain(`range=7d&involvedSubject=${NORA}`);
    await page.waitForSelector(ROW);
    const saved: string[] = [];
    page.on('download', (download) => saved.push(download.suggestedFilename()));
    await page.keyboard.press('e');
    await page.click('[role=dialog] button[type=submit]');
    await expect
      .poll(() => saved.toSorted())
      .toEqual(['audit-log-by-person.csv', 'audit-log-on-person.csv']);
    await page.waitForSelector('[role=dialog]', { state: 'detached' });

    // What others did to her: nothing.
    await page.keyboard.press('l');
    await page.waitForSelector('.said:has-text("A live list takes one of")');
    await page.goto(`${page.url()}&actorSubjectNot=${NORA}`);
    await page.waitForSelector('.empty:has-text("involved person is")');
    expect(problems).toEqual([]);
  });

  it('proves an entry in three keys, answers whether the log is whole in two, and copies a link in one', async () => {
    const { page, problems } = await rig.open({
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied&range=24h');
    await page.waitForSelector(ROW);
    const link = counted(page);
    await link.press('c');
    await page.waitForSelector('.said:has-text("Copied")');
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(copied).toMatch(
      /#\/search\?outcome=denied&from=[^&]+Z&to=[^&]+Z&tz=UTC&columns=triage$/,
    );
    expect(link.count).toBe(1);

    const proof = counted(page);
    await proof.press('Enter');
    await page.waitForSelector('.entry button:has-text("Save evidence")');
    await proof.press('v');
    await page.waitForSelector('h1:has-text("Is this entry in the log?")');
    await page.waitForSelector('.path');
    const saved: string[] = [];
    page.on('download', (download) => saved.push(download.suggestedFilename()));
    await proof.press('s');
    await expect.poll(() => saved).toHaveLength(2);
    expect(proof.count).toBe(3);

    const whole = counted(page);
    await whole.press('g');
    await whole.press('p');
    await page.waitForSelector('h1:has-text("Is the log whole?")');
    await page.waitForSelector('.checks');
    expect(whole.count).toBe(2);
    expect(problems).toEqual([]);
  });

  it('leaves at most twenty entries of its own in a session of reading', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/overview');
    const readings = async (): Promise<number> => {
      const [row] = await rig
        .service()
        .rows<{ count: string }>(
          "SELECT count(*) FROM audit_entry WHERE action LIKE 'audit.%' AND actor_subject = $1",
          [SAMPLE_PEOPLE.grace.objectId],
        );
      return Number(row?.count);
    };
    const keys = counted(page);
    const rows = '.entries-body [role=row]';
    await page.waitForSelector('.ranked li');
    const before = await readings();
    await page.click('.tiles a:has-text("refused")');
    await page.waitForSelector(rows);
    await keys.press('Enter');
    await page.waitForSelector('.entry details');
    for (let n = 0; n < 4; n += 1) {
      const shown = await page.textContent('.entry-head strong');
      await keys.press('j');
      await expect.poll(async () => page.textContent('.entry-head strong')).not.toBe(shown);
      await page.waitForSelector('.entry button:has-text("Save")');
    }
    await keys.press('v');
    await page.waitForSelector('.checks');
    await keys.press('g');
    await keys.press('p');
    await page.waitForSelector('h1:has-text("Is the log whole?")');
    await page.waitForSelector('.checks');
    await keys.press('/');
    await keys.paste('5e77ab1e-0000-4000-9000-000000000007');
    await keys.press('Enter');
    await page.waitForSelector(rows);
    await keys.press('g');
    await keys.press('s');
    await page.waitForSelector(rows);
    for (let n = 0; n < 20; n += 1) await keys.press('PageDown');
    await keys.press('g');
    await keys.press('o');
    await page.waitForSelector('.ranked li');
    const left = (await readings()) - before;
    expect(left).toBeGreaterThanOrEqual(5);
    expect(left).toBeLessThanOrEqual(20);
    expect(problems).toEqual([]);
  });

  it('saves what is shown, in a format, in three keys', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied&range=24h');
    await page.waitForSelector('.entries-body [role=row]');
    const keys = counted(page);
    const saved = page.waitForEvent('download');
    await keys.press('e');
    await page.waitForSelector('[role=dialog] select:focus');
    expect(await page.textContent('[role=dialog]')).toContain('acs-identity audit verify-proof');
    await keys.press('ArrowDown');
    await keys.press('Enter');
    const download = await saved;
    expect(download.suggestedFilename()).toBe('audit-log.ndjson');
    const lines = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(13);
    expect(keys.count).toBe(3);
    expect(problems).toEqual([]);
  });

  it('opens the identity of a pasted id, and erases its person in nine keys', async () => {
    const { identity } = await issue(rig.service(), 'carol');
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North');
    const keys = counted(page);
    await keys.press('/');
    await keys.paste(identity.id);
    await keys.press('Enter');
    await page.waitForSelector(`.identity dd:text-is("${SAMPLE_PEOPLE.carol.objectId}")`);
    await keys.press('x');
    await page.waitForSelector('[role=alertdialog] input:focus');
    await keys.paste('request 4712');
    await keys.press('Tab');
    await keys.paste(identity.id.slice(-4));
    await keys.press('Enter');
    await page.waitForSelector('.identity [role=status]:has-text("1 identity deleted and")');
    await expect
      .poll(async () =>
        (await rig.service().auditEntries()).map(({ reason }) => reason?.detail ?? ''),
      )
      .toContain('request 4712');
    expect(keys.count).toBeLessThanOrEqual(9);
    // The browser writes the 404 of the entry, which the id is not of, to its console.
    expect(problems.filter((problem) => !problem.includes('404'))).toEqual([]);
  });
}

/** The index of every entry of the list, read by paging down to its end. */
async function allIndexes(page: Page): Promise<number[]> {
  const found = new Map<number, number>();
  await expect
    .poll(async () => {
      for (const [row, index] of await page.evaluate<[number, number][]>(ROWS_IN_VIEW))
        found.set(row, index);
      const foot = (await page.textContent('.foot')) ?? '';
      await page.keyboard.press('PageDown');
      const shown = Number(/(\d+) shown · end reached/.exec(foot)?.[1] ?? NaN);
      return found.size === shown;
    })
    .toBe(true);
  return [...found].toSorted(([a], [b]) => a - b).map(([, index]) => index);
}

const ROWS_IN_VIEW = `[...document.querySelectorAll('.entries-body [role=row]')].map((row) => [
  Number(row.ariaRowIndex), Number(row.querySelector('.time').title.split('#')[1])])`;
