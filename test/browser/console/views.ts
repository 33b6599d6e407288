import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { axeViolations } from './axe.js';
import { type ConsoleRig, picture } from './rig.js';

const ROW = '.entries-body [role=row]';
const DIALOG = '[role=dialog]';

/** Searches under names. */
export function viewSpecs(rig: ConsoleRig): void {
  it('keeps a search under a name without the name and address of a person, and opens it again', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied&range=7d&entry=20');
    await page.waitForSelector(ROW);
    await addFilter(page, 'displayName', 'Mallory Moore');
    await addFilter(page, 'clientAddress', '203.0.113.7');
    await page.keyboard.press('3');
    await page.waitForSelector('[role=columnheader]:has-text("permissions")');
    await page.keyboard.press('w');
    await page.waitForSelector(`${DIALOG} [role=alert]:has-text("personal")`);
    await page.fill(`${DIALOG} input`, 'Night shift');
    await page.press(`${DIALOG} input`, 'Enter');
    await page.waitForSelector(`${DIALOG} button:text-is("Night shift")`);
    expect(await axeViolations(page)).toEqual([]);
    await picture(page, 'views');
    const stored = await page.evaluate<string>('JSON.stringify({ ...localStorage })');
    expect(stored).toContain('#/search?outcome=denied&range=7d&columns=refusals');
    expect(stored).not.toMatch(/Mallory|203\.0\.113/);

    await rig.signIn(page, 'Grace Green');
    await page.waitForSelector(ROW);
    await page.keyboard.press('w');
    await page.click(`${DIALOG} button:text-is("Night shift")`);
    await page.waitForSelector(`${ROW}:has-text("insufficient-permission")`);
    expect(new URL(page.url()).hash).toBe('#/search?outcome=denied&range=7d&columns=refusals');
    expect(await page.locator('.chip').allTextContents()).toEqual(['outcome: denied×']);
    expect(problems).toEqual([]);
  });

  it('renames and deletes a view, and has one for each name', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied');
    await page.evaluate(`localStorage.setItem('console.views', '[1, {"name": 2}, null]')`);
    await page.waitForSelector(ROW);
    await page.keyboard.press('w');
    for (const name of ['One', 'Two']) {
      await page.fill(`${DIALOG} input`, name);
      await page.press(`${DIALOG} input`, 'Enter');
      await page.waitForSelector(`${DIALOG} button:text-is("${name}")`);
    }
    await page.click('button[aria-label="Rename One"]');
    const field = page.locator(`${DIALOG} input:focus`);
    await field.fill('Two');
    await field.press('Enter');
    await page.waitForSelector(`${DIALOG} :text("There is a view with this name.")`);
    await field.fill('Three');
    await field.press('Enter');
    await page.waitForSelector(`${DIALOG} button:text-is("Three")`);
    expect(await ownViews(page)).toEqual(['Three', 'Two']);
    await page.click('button[aria-label="Delete Two"]');
    await expect.poll(async () => ownViews(page)).toEqual(['Three']);
    // The keyboard stays in the dialog when the button that had the focus is gone.
    await page.keyboard.press('Escape');
    await page.waitForSelector(DIALOG, { state: 'detached' });
    expect(problems).toEqual([]);
  });

  it('comes with views of refusals, last night, administrative acts, readings and guests, which the service filters', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green');
    await page.waitForSelector(ROW);
    const open = async (name: string, expected: string): Promise<string[]> => {
      await page.keyboard.press('w');
      await page.click(`${DIALOG} button:text-is("${name}")`);
      await page.waitForSelector(DIALOG, { state: 'detached' });
      await page.waitForSelector(`${ROW}:has-text("${expected}")`);
      return page.locator(ROW).allTextContents();
    };
    for (const row of await open('Administrative acts', 'identity.update'))
      expect(row).not.toMatch(/\d(token\.(issue|reuse)|audit\.read)/);
    for (const row of await open('Readings of the log', 'Grace Green'))
      expect(row).toMatch(/\daudit\.(read|export|trace)/);
    for (const row of await open('Guests', 'Carol Clark')) expect(row).toContain('Carol Clark');
    await open('Refusals today', 'insufficient-permission');
    expect(await page.locator(`${ROW}:not(:has(.outcome.is-denied))`).count()).toBe(0);
    const midnight = `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`;
    const { hash } = new URL(page.url());
    expect(new URLSearchParams(hash.split('?')[1]).get('from')).toBe(midnight);
    await page.keyboard.press('w');
    await page.click(`${DIALOG} button:text-is("Tokens of last night")`);
    await page.waitForSelector('.foot:has-text("22:00"):has-text("06:00 UTC, 3 filters")');
    const night = new URLSearchParams(new URL(page.url()).hash.split('?')[1]);
    expect(night.get('from')).toMatch(/T22:00:00\.000Z$/);
    expect(night.get('to')).toMatch(/T06:00:00\.000Z$/);
    expect(night.getAll('action')).toEqual(['token.issue', 'token.reuse', 'token.exchange']);
    expect(problems).toEqual([]);
  });
}

async function addFilter(page: Page, name: string, value: string): Promise<void> {
  await page.click('button:text-is("+ filter")');
  await page.selectOption('select[aria-label="Filter by"]', name);
  await page.fill('.new-filter input', value);
  await page.press('.new-filter input', 'Enter');
  await page.waitForSelector(`.chip:has-text("${value}")`);
}

async function ownViews(page: Page): Promise<string[]> {
  return page.locator(`${DIALOG} .view-name`).allTextContents();
}
