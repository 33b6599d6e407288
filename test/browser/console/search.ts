import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { axeViolations } from './axe.js';
import { type ConsoleRig, picture } from './rig.js';
import { HOSTILE } from './seed.js';

/** Searching, and the entry beside the list. */
export function searchSpecs(rig: ConsoleRig): void {
  it('shows the newest entries after a sign-in, and keeps no token in the browser', async () => {
    const { page, problems } = await rig.open();
    await rig.signInOnPages(page, 'Grace Green', '#/search?outcome=denied&range=24h');
    await page.waitForSelector('[role=row]:has-text("insufficient-permission")');
    expect(page.url()).toBe(`${rig.url()}#/search?outcome=denied&range=24h`);
    const stored = await page.evaluate(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    );
    expect(stored).not.toMatch(/ey[\w-]+\./);
    await expect.poll(async () => page.textContent('.foot')).toMatch(/1 filter · 13 shown · end/);
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('opens entries by the keys j and Enter, and shows hostile texts as texts', async () => {
    const { page, problems } = await rig.openIntercepted();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=denied');
    await page.waitForSelector('[role=row]:has-text("entries, which needs AuditLog.Read.All")');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.entry details');
    expect(await page.textContent('.entry h2')).toContain('<img src=x');
    expect(await page.title()).toMatch(/^Entry #/);
    expect(await page.locator('.entry img').count()).toBe(0);
    const first = await page.textContent('.entry-head strong');
    await page.keyboard.press('j');
    await expect.poll(async () => page.textContent('.entry-head strong')).not.toBe(first);
    // A key that is held passes entries without reading them, which is recorded.
    const read: string[] = [];
    page.on('request', (request) => {
      if (/\/v1\/audit\/entries\/[\da-f-]{36}/.test(request.url())) read.push(request.url());
    });
    const passed = await page.textContent('.entry-head strong');
    await page.evaluate(`(async () => {
      for (let nth = 0; nth < 8; nth += 1) {
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
        await new Promise(requestAnimationFrame);
      }
    })()`);
    await expect.poll(async () => page.textContent('.entry-head strong')).not.toBe(passed);
    await page.waitForSelector('.entry details');
    expect(read.length).toBeGreaterThan(0);
    expect(read.length).toBeLessThan(4);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.entry', { state: 'detached' });
    expect(HOSTILE).toContain('<img');
    await picture(page, 'search');
    const held = Promise.withResolvers<undefined>();
    const cancelled = page.waitForEvent('requestfailed');
    await page.route('**/v1/audit/export?*', async () => held.promise, { times: 1 });
    await page.keyboard.press('e');
    await page.waitForSelector('[role=dialog] select');
    await page.click('[role=dialog] button[type=submit]');
    await page.waitForSelector('[role=dialog] button:has-text("Exporting")');
    await page.click('[role=dialog] button:text-is("Cancel")');
    expect((await cancelled).url()).toContain('/v1/audit/export');
    held.resolve(undefined);
    await page.waitForSelector('[role=dialog]', { state: 'detached' });
    const saved = page.waitForEvent('download');
    await page.keyboard.press('e');
    await page.waitForSelector('[role=dialog] select');
    await page.click('[role=dialog] button[type=submit]');
    const lines = readFileSync(await (await saved).path(), 'utf8')
      .trimEnd()
      .split('\n');
    // A header, and what the filter found.
    expect(lines).toHaveLength(14);
    expect(problems).toEqual([]);
  });

  it('finds all pages of a list of which only the rows in view exist', async () => {
    const { page } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?action=token.issue');
    await page.waitForSelector('[role=row] .what');
    await expect
      .poll(async () => {
        await page.keyboard.press('PageDown');
        return page.textContent('.foot');
      })
      .toMatch(/end reached/);
    expect(await page.locator('.entries-body [role=row]').count()).toBeLessThan(80);
    expect(rig.service().logLines.join('')).not.toContain('console.preferences');
  });
}
