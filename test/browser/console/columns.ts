import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { axeViolations } from './axe.js';
import { type ConsoleRig, picture } from './rig.js';

const ROW = '.entries-body [role=row]';
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
    await page.keyboard.press('End');
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
      /identity\.update.*Nora North.*Carol Clark.*changed: name/,
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
      for (const key of ['1', '2', '3', '4', '5']) {
        await page.keyboard.press(key);
        const box = await page.locator(ROW).first().boundingBox();
        found.push(box?.height ?? 0);
      }
      return found;
    };
    expect(await heights()).toEqual([32, 32, 32, 32, 32]);
    await page.keyboard.press('d');
    expect(await heights()).toEqual([24, 24, 24, 24, 24]);
    expect(problems).toEqual([]);
  });
}

async function titles(page: Page): Promise<string> {
  const all = await page.locator('[role=columnheader]').allTextContents();
  return all.join(' ');
}
