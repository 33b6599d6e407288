import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { ConsoleRig } from './rig.js';

const ROW = '.entries-body [role=row]';

/** Each page with a field, and how the field comes to have the focus. */
const FIELDS: readonly (readonly [page: string, field: string, open?: string])[] = [
  ['trace', '#traced'],
  ['identities', '#person'],
  ['about', '.preferences select >> nth=0'],
  ['proof', 'details[open] .trusted-keys textarea', 'summary:has-text("Trusted keys")'],
  ['search', '#search-box'],
  ['search', 'select[aria-label=Columns]'],
  ['search', 'select[aria-label="Time range"]'],
  ['search', '.new-filter select >> nth=0', 'button:text-is("+ filter")'],
];

/** The keys work wherever the focus was before. */
export function focusSpecs(rig: ConsoleRig): void {
  it('leaves any field by Escape, with what was typed, so that the keys of the page work', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/about');
    for (const [name, field, open] of FIELDS) {
      await page.evaluate(`location.hash = '#/${name}'`);
      if (open !== undefined) await page.click(open);
      await page.focus(field);
      const isText = await page.locator(field).evaluate((element) => 'selectionStart' in element);
      if (isText) await page.keyboard.type('abc');
      await page.keyboard.press('Escape');
      expect(await page.evaluate('document.activeElement.tagName'), field).toBe('BODY');
      if (isText) expect(await page.inputValue(field)).toBe('abc');
      await page.keyboard.press('?');
      await page.waitForSelector('[role=dialog]');
      await page.keyboard.press('Escape');
      await page.waitForSelector('[role=dialog]', { state: 'detached' });
    }
    expect(problems).toEqual([]);
  });

  it('closes a form or a dialog by Escape, and not the entry beside the list with it', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/search?outcome=denied&entry=20');
    await page.waitForSelector('.entry details');
    await page.click('button:text-is("+ filter")');
    await page.focus('.new-filter button:text-is("Add")');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.new-filter', { state: 'detached' });
    await page.keyboard.press('e');
    await page.waitForSelector('[role=dialog] select:focus');
    await page.keyboard.press('Escape');
    await page.waitForSelector('[role=dialog]', { state: 'detached' });
    await page.focus('#search-box');
    await page.keyboard.press('Escape');
    expect(await page.locator('.entry').count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.entry', { state: 'detached' });
    expect(problems).toEqual([]);
  });

  it('opens the marked row by Enter, whatever was clicked before', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/about');
    const opensMarked = async (): Promise<void> => {
      await page.waitForSelector(`${ROW}.is-active`);
      await page.keyboard.press('Enter');
      await page.waitForSelector(`${ROW}.is-active.is-opened`);
      await page.keyboard.press('Escape');
      await page.waitForSelector('.entry', { state: 'detached' });
    };
    await page.click('nav a:text-is("Search")');
    await opensMarked();
    await page.click('nav a:text-is("Search")');
    await opensMarked();
    await page.click('nav a:text-is("Trace")');
    await page.waitForSelector('#traced:focus');
    await page.click('nav a:text-is("Search")');
    await opensMarked();
    for (const button of ['Newest first', 'Refresh', 'Dark']) {
      await page.click(`button:text-is("${button}")`);
      await page.waitForSelector(ROW);
      await page.keyboard.press('j');
      await opensMarked();
    }
    await page.click('text=housekeeping');
    await page.waitForSelector(ROW);
    await page.keyboard.press('j');
    await opensMarked();
    expect(problems).toEqual([]);
  });

  it('marks the row of an entry that a link opens, and moves on from it', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/search?outcome=denied');
    await page.waitForSelector(ROW);
    const index = await indexOf(page, `${ROW} >> nth=5`);
    await page.evaluate(`location.hash = '#/search?outcome=denied&entry=${index}'`);
    await page.waitForSelector(`${ROW}.is-active.is-opened`);
    expect(await indexOf(page, `${ROW}.is-active`)).toBe(index);
    const next = await indexOf(page, `${ROW} >> nth=6`);
    await page.keyboard.press('j');
    await page.waitForSelector(`.entry-head:has-text("#${next}")`);
    expect(problems).toEqual([]);
  });

  it('acts on the marked row by v, s, a and b without opening it, or says why not', async () => {
    const { page, problems } = await rig.open();
    const saved: string[] = [];
    page.on('download', (download) => saved.push(download.suggestedFilename()));
    await rig.signIn(page, 'Nora North', '#/search?action=token.issue');
    await page.waitForSelector(ROW);
    await page.keyboard.press('j');
    const marked = await indexOf(page, `${ROW}.is-active`);
    const said = async (key: string, text: string): Promise<void> => {
      await page.keyboard.press(key);
      await page.waitForSelector(`.said:has-text("${text}")`);
    };
    await said('s', `Saved entry-${marked}.json and its proof`);
    expect(saved).toEqual([`entry-${marked}.json`, `entry-${marked}.tlog-proof`]);
    await said('b', 'This entry was done to nobody else.');
    for (const key of ['f', 'x', 'y']) await said(key, 'No value has the focus');
    await page.keyboard.press('a');
    await page.waitForSelector('.chip:has-text("involved person")');
    await page.goBack();
    await page.waitForSelector(ROW);
    await page.keyboard.press('v');
    await page.waitForSelector('.checked[data-entry]');

    await page.goto(`${rig.url()}#/search?action=configuration.load`);
    await page.waitForSelector(ROW);
    await said('a', 'The log does not know a person who acted in this entry.');
    await page.goto(`${rig.url()}#/search?outcome=unknown&reasonText=nowhere`);
    await page.waitForSelector('.empty');
    await said('v', 'There is no entry here');
    expect(problems).toEqual([]);
  });

  it('says that evidence could not be saved, and why', async () => {
    const { page } = await rig.openIntercepted();
    await rig.signIn(page, 'Nora North', '#/search?action=token.issue');
    await page.waitForSelector(ROW);
    await page.route('**/v1/audit/entries/*-*', async (route) => route.abort());
    await page.keyboard.press('s');
    await page.waitForSelector(`.said:has-text("The evidence of #")`);
  });

  it('has Verify and Save evidence in view at both ends of an entry', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/search?outcome=denied&entry=20');
    await page.waitForSelector('.entry details');
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 700 });
      for (const end of ['0', 'entry.scrollHeight']) {
        await page.evaluate(
          `(() => { const entry = document.querySelector('.entry'); entry.scrollTop = ${end}; })()`,
        );
        for (const button of ['Verify', 'Save evidence'])
          await page.click(`.entry-head button:text-is("${button}")`, { trial: true });
        expect(await page.evaluate(HEAD_IN_VIEW), `${width} ${end}`).toBe(true);
      }
    }
    await page.click('.entry-head button:text-is("Verify")');
    await page.waitForSelector('.checked[data-entry]');
    expect(problems).toEqual([]);
  });
}

const HEAD_IN_VIEW = `(() => {
  const { top, bottom } = document.querySelector('.entry-head').getBoundingClientRect();
  const { top: start } = document.querySelector('.entry').getBoundingClientRect();
  return top >= start && bottom <= start + 60;
})()`;

async function indexOf(page: Page, row: string): Promise<string> {
  return (await page.getAttribute(`${row} >> .time`, 'title'))?.split('#')[1] ?? '';
}
