import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { issue } from '../../support/tokens-api.js';
import { counted } from './keys.js';
import type { ConsoleRig } from './rig.js';

const ROW = '.entries-body [role=row]';

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
    expect(problems).toEqual([]);
  });

  it('shows all that a person did, and what was done to them, in a week, in two keys each', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?action=token.issue&range=24h');
    await page.waitForSelector(ROW);
    const keys = counted(page);
    await keys.press('Enter');
    await page.waitForSelector('.entry button:has-text("Everything by this person")');
    await keys.press('a');
    await page.waitForSelector('.chip:has-text("person")');
    await page.waitForSelector(ROW);
    expect(new URL(page.url()).hash).toMatch(/range=7d&actorSubject=/);
    expect(keys.count).toBe(2);
    await page.goBack();
    await page.waitForSelector('.entry button:has-text("Everything on this person")');
    await keys.press('b');
    await page.waitForSelector('.chip:has-text("on person")');
    await page.waitForSelector(ROW);
    expect(new URL(page.url()).hash).toMatch(/range=7d&targetSubject=/);
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
    expect(copied).toMatch(/#\/search\?outcome=denied&from=[^&]+Z&to=[^&]+Z&tz=UTC$/);
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
    await page.waitForSelector('.identity [role=status]:has-text("identities deleted")');
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
