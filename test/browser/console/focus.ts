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
}

async function indexOf(page: Page, row: string): Promise<string> {
  return (await page.getAttribute(`${row} >> .time`, 'title'))?.split('#')[1] ?? '';
}
