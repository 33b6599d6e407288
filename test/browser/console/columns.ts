import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { axeViolations } from './axe.js';
import { type ConsoleRig, picture } from './rig.js';

const ROW = '.entries-body [role=row]';
const DIALOG = '[role=dialog]';
const SEARCH = '/v1/audit/entries/search';

/** What the list shows of each entry. */
export function columnSpecs(rig: ConsoleRig): void {
  it('shows other columns of the same entries by one key, and searches no second time for them', async () => {
    const { page, problems } = await rig.open();
    const searches: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith(SEARCH)) searches.push(request.url());
    });
    await rig.signIn(page, 'Grace Green', '#/search?action=token.issue');
    await page.waitForSelector(ROW);
    expect(await titles(page)).toMatch(/^time UTC outcome what happened who app address$/);

    await page.keyboard.press('2');
    await page.waitForSelector('[role=columnheader]:has-text("lifetime")');
    expect(page.url()).toContain('columns=issuance');
    const seeded = page.locator(`${ROW}:has-text("60 min")`).first();
    expect(await seeded.textContent()).toMatch(/token\.issue.*voip.*60 min.*default.*1/);

    await page.focus('select[aria-label=Columns]');
    await page.keyboard.press('End'); // the own columns
    await page.keyboard.press('ArrowUp');
    await page.waitForSelector('[role=columnheader]:has-text("fingerprint")');
    expect(page.url()).toContain('columns=forensic');
    expect(await page.textContent(`${ROW}:has-text("seeded")`)).toMatch(
      /#\d+.*token\.issue.*5e77ab1e-0000-4000-8000-.*4bf92f3577b34da6a3ce929d0e0e4736.*seeded0000/,
    );
    expect(await axeViolations(page)).toEqual([]);
    expect(searches).toHaveLength(1);
    expect(problems).toEqual([]);
  });

  it('shows why requests were refused, and the details of administrative acts', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied&columns=refusals');
    await page.waitForSelector(ROW);
    expect(await titles(page)).toContain('reason detail needed permissions times');
    expect(await page.textContent(`${ROW} >> nth=1`)).toMatch(
      /authorization\.deny.*Mallory Moore.*insufficient-permission.*AuditLog\.Read\.Allnone/,
    );
    await picture(page, 'refusals');
    await page.goto(`${rig.url()}#/search?action=identity.update&columns=administration`);
    await page.waitForSelector('[role=columnheader]:has-text("details")');
    expect(await page.textContent(`${ROW}:has-text("Nora North")`)).toMatch(
      /identity\.update.*Nora North.*Carol Clark.*changed: displayName · displayName: replaced/,
    );
    expect(problems).toEqual([]);
  });

  it('remembers the columns that were chosen, and gives way to those of a link', async () => {
    const { page, problems } = await rig.open({
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied');
    await page.waitForSelector(ROW);
    await page.keyboard.press('3');
    await page.waitForSelector('[role=columnheader]:has-text("permissions")');
    await rig.signIn(page, 'Grace Green');
    await page.waitForSelector('[role=columnheader]:has-text("permissions")');
    await page.waitForSelector(ROW);
    await page.keyboard.press('c');
    await page.waitForSelector('.said:has-text("Copied")');
    const link = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(link).toMatch(/&columns=refusals$/);

    const other = await rig.open();
    await rig.signIn(other.page, 'Nora North', new URL(link).hash);
    await other.page.waitForSelector('[role=columnheader]:has-text("permissions")');
    await other.page.goto(`${rig.url()}#/search`);
    await other.page.waitForSelector('[role=columnheader]:has-text("what happened")');
    expect([...problems, ...other.problems]).toEqual([]);
  });

  it('shows the columns that a person chose by keyboard, in their order and width, also after a reload', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied');
    await page.waitForSelector(ROW);
    await page.keyboard.press('m');
    await page.waitForSelector(DIALOG);
    expect(page.url()).toContain('columns=own');
    // The list stays in view behind the dialog.
    const around = await page.locator(`.console:has(> * ${DIALOG}, > ${DIALOG})`).boundingBox();
    expect(around?.height ?? 0).toBeLessThan(100);

    await press(page, 'button[aria-label="Remove app"]', 'Enter');
    await press(page, 'button:focus', 'Enter'); // that of the next column, the address
    await page.focus(`${DIALOG} form select`);
    await page.keyboard.type('reason');
    await press(page, `${DIALOG} form button`, 'Enter');
    await page.waitForSelector('button[aria-label="Move reason up"]');
    // The button keeps the focus, wherever its column is moved to.
    const moves = [
      ['up', 4, 3, 2],
      ['down', 3, 4],
      ['up', 3],
    ] as const;
    for (const [way, ...places] of moves) {
      await page.focus(`button[aria-label="Move reason ${way}"]`);
      for (const place of places) {
        await page.keyboard.press('Enter');
        await page.waitForSelector(`[role=status]:text-is("reason is column ${place} of 5.")`, {
          state: 'attached',
        });
      }
    }
    await page.selectOption('select[aria-label="Width of reason"]', '240');
    expect(await axeViolations(page)).toEqual([]);
    await picture(page, 'own-columns');
    await page.keyboard.press('Escape');
    await page.waitForSelector(DIALOG, { state: 'detached' });
    const chosen = 'time UTC outcome reason what happened who';
    expect(await titles(page)).toBe(chosen);
    expect(await widthOf(page, 'reason')).toBe(240);
    const row = page.locator(`${ROW}:has-text("Mallory Moore")`).first();
    expect(await row.textContent()).toContain('insufficient-permission');
    const stored = await page.evaluate<string>('JSON.stringify({ ...localStorage })');
    expect(stored).not.toMatch(/Mallory|insufficient/);

    await rig.signIn(page, 'Grace Green');
    await page.waitForSelector('[role=columnheader]:has-text("reason")');
    expect(await titles(page)).toBe(chosen);
    expect(await widthOf(page, 'reason')).toBe(240);

    await page.click('button:text-is("Choose columns…")');
    await press(page, 'button:text-is("Back to the default")', 'Enter');
    await page.keyboard.press('Escape');
    await page.waitForSelector(DIALOG, { state: 'detached' });
    expect(await titles(page)).toBe('time UTC outcome what happened who app address');
    expect(problems).toEqual([]);
  });

  it('ignores kept columns that do not exist, and keeps one column at least', async () => {
    const { page, problems } = await rig.open({ viewport: { width: 390, height: 740 } });
    await page.addInitScript(
      `localStorage.setItem('console.preferences', '{"density":"huge","columns":"own",' +
        '"ownColumns":[{"name":"salary"},{"name":"who","width":-7},null,{"name":"who"}]}')`,
    );
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied');
    await page.waitForSelector(ROW);
    expect(await titles(page)).toBe('who');
    expect((await page.locator(ROW).first().boundingBox())?.height).toBe(32);
    await page.keyboard.press('m');
    await press(page, 'button[aria-label="Remove who"]', 'Enter');
    expect(await page.locator('.own-columns li').count()).toBe(1);
    // All of it can be reached in a narrow window.
    for (const control of await page.locator(`${DIALOG} :is(button, select)`).all()) {
      const box = await control.boundingBox();
      expect(box?.x).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
      expect(box?.width).toBeGreaterThanOrEqual(24);
    }
    expect(problems).toEqual([]);
  });

  it('says that it does not understand a set of columns, and searches nothing', async () => {
    const { page } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied&columns=everything');
    await page.waitForSelector('.chip.is-refused:has-text("columns not understood")');
    expect(await page.locator(ROW).count()).toBe(0);
    await page.click('button[aria-label="Remove columns"]');
    await page.waitForSelector(ROW);
  });

  it('has rows of 32 pixels, or of 24 by the key d, in every set of columns', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?action=token.issue');
    await page.waitForSelector(ROW);
    const heights = async (): Promise<number[]> => {
      const found: number[] = [];
      for (const key of ['1', '2', '3', '4', '5', '6']) {
        await page.keyboard.press(key);
        const box = await page.locator(ROW).first().boundingBox();
        found.push(box?.height ?? 0);
      }
      return found;
    };
    expect(await heights()).toEqual([32, 32, 32, 32, 32, 32]);
    await page.keyboard.press('d');
    expect(await heights()).toEqual([24, 24, 24, 24, 24, 24]);
    expect(problems).toEqual([]);
  });
}

async function titles(page: Page): Promise<string> {
  const all = await page.locator('[role=columnheader]').allTextContents();
  return all.join(' ');
}

async function press(page: Page, button: string, key: string): Promise<void> {
  await page.locator(button).press(key);
}

async function widthOf(page: Page, title: string): Promise<number | undefined> {
  const box = await page.locator(`[role=columnheader]:text-is("${title}")`).boundingBox();
  return box?.width;
}
