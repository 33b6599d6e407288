import { expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { IdentitiesApi } from '../../support/identities-api.js';
import { issue } from '../../support/tokens-api.js';
import { axeViolations } from './axe.js';
import type { ConsoleRig } from './rig.js';

const ROWS = '.entries-body [role=row]';

/** Entries as they are recorded, people by their names, and tokens by the session they were issued to. */
export function findingSpecs(rig: ConsoleRig): void {
  it('shows entries as they are recorded, also those of a lost connection, each once', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?action=token.issue&action=token.reuse');
    await page.waitForSelector(ROWS);
    const readingsOf = async (): Promise<number> =>
      (await rig.service().auditEntries()).filter(
        ({ action, details }) => action === 'audit.read' && details?.stage !== 'ended',
      ).length;
    const readings = await readingsOf();
    const firstIndex = async (nth: number): Promise<string> =>
      (await page.locator(`${ROWS} .time`).nth(nth).getAttribute('title'))?.split('#')[1] ?? '';
    const known = await firstIndex(0);
    await page.keyboard.press('l');
    await page.waitForSelector('.live.is-live');
    await issue(rig.service(), 'alice');
    await page.waitForSelector('.foot:has-text("then 1 live")');
    await page.context().setOffline(true);
    await page.waitForSelector('.live.is-lost:has-text("Connection lost at")');
    await issue(rig.service(), 'bob');
    await issue(rig.service(), 'alice');
    await page.context().setOffline(false);
    await page.waitForSelector('.foot:has-text("then 3 live")');
    await page.waitForSelector('.live.is-live');
    expect(await firstIndex(3)).toBe(known);
    const indexes = await Promise.all([0, 1, 2].map(firstIndex));
    expect(indexes).toEqual(indexes.toSorted((a, b) => Number(b) - Number(a)));
    expect(new Set(indexes).size).toBe(3);
    expect(await axeViolations(page)).toEqual([]);
    await page.keyboard.press('l');
    await page.waitForSelector('button:text-is("Live")');
    expect(await firstIndex(3)).toBe(known);
    // One for each connection that the service accepted.
    expect((await readingsOf()) - readings).toBeLessThanOrEqual(2);
    expect(problems.filter((problem) => !problem.includes('ERR_INTERNET_DISCONNECTED'))).toEqual(
      [],
    );
  });

  it('finds identities by the beginning of a name, and all of the tenant', async () => {
    const identities = new IdentitiesApi(rig.service);
    await identities.create(undefined, { displayName: 'Zoë Zimmer' });
    await identities.create(undefined, { displayName: 'Zara Zimmer' });
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North', '#/identities');
    const find = async (text: string): Promise<void> => {
      await page.fill('#person', text);
      await page.press('#person', 'Enter');
    };
    await page.waitForSelector('#person:focus');
    await find('zoë z');
    await page.waitForSelector('.identity h2:text-is("Zoë Zimmer")');
    expect(page.url()).not.toContain('zo');
    await find(SAMPLE_PEOPLE.alice.tenantId);
    await page.waitForSelector('td a:text-is("Zara Zimmer")');
    expect(await axeViolations(page)).toEqual([]);
    await page.click('td a:text-is("Zoë Zimmer")');
    await page.waitForSelector('.identity h2:text-is("Zoë Zimmer")');
    expect(problems).toEqual([]);
  });

  it('reads again at a refresh what has a start or an end of its own, and people, whom others change too', async () => {
    const { page, problems } = await rig.open();
    const requested: string[] = [];
    page.on('request', (request) => {
      requested.push(new URL(request.url()).pathname);
    });
    const readings = (path: string) => (): number => requested.filter((one) => one === path).length;
    await issue(rig.service(), 'bob');
    await rig.signIn(page, 'Nora North', '#/about');
    for (const [fragment, shown, path] of [
      ['search?from=2026-01-01T08:00:00Z', '.foot', '/v1/audit/entries/search'],
      [
        'overview?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z',
        '.tiles',
        '/v1/audit/statistics',
      ],
      [`identities?person=${SAMPLE_PEOPLE.bob.objectId}`, '.identity', '/v1/identities'],
    ] as const) {
      await page.goto(`${rig.url()}#/${fragment}`);
      await page.waitForSelector(shown);
      await expect.poll(readings(path)).toBe(1);
      await page.keyboard.press('.');
      await expect.poll(readings(path)).toBe(2);
    }
    await page.click('button:has-text("Find")');
    await expect.poll(readings('/v1/identities')).toBe(3);
    await page.goto(`${rig.url()}#/about`);
    await page.waitForSelector('h1:has-text("About")');
    await page.goBack();
    await expect.poll(readings('/v1/identities')).toBe(4);
    expect(problems).toEqual([]);
  });

  it('lists the oldest entries first, filters a person out, and opens the address of an entry', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?action=token.issue');
    await page.waitForSelector(ROWS);
    await page.keyboard.press('o');
    await page.waitForSelector('button:text-is("Oldest first")');
    const place = page.locator(`${ROWS} .time`).first();
    await expect.poll(async () => place.getAttribute('title')).toMatch(/#1?\d$/);
    await expect
      .poll(async () => {
        await page.keyboard.press('PageDown');
        return page.textContent('.foot');
      })
      .toMatch(/end reached/);
    await page.evaluate("location.hash = '#/entry/20'");
    await page.waitForSelector('.entry-head strong:text-is("Entry #20")');
    await page.focus('button[aria-label^="Filter out person"]');
    await page.keyboard.press('x');
    await page.waitForSelector('.chip:has-text("person is not")');
    await page.waitForSelector(ROWS);
    const names = await page.locator(`${ROWS} .who`).allTextContents();
    expect(names).not.toContain('Carol Clark');
    expect(problems).toEqual([]);
  });

  it('traces the tokens of a session, and says of each whether it can be revoked', async () => {
    const first = await issue(rig.service(), 'alice');
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Nora North');
    const entries = await rig.service().auditEntries();
    const { actor } = entries.find(({ id }) => id === first.auditEntry.id) ?? {};
    expect(actor?.tokenId).toMatch(/^[\w-]{22}$/);
    await page.keyboard.press('/');
    await page.keyboard.insertText(actor?.tokenId ?? '');
    await page.keyboard.press('Enter');
    await page.waitForSelector('h2:has-text("Alice Adams holds it.")');
    expect(page.url()).not.toContain(actor?.tokenId);
    await page.waitForSelector('button:has-text("Revoke")');
    await page.fill('#traced', `Authorization: Bearer ${await rig.service().token('alice')}`);
    await page.press('#traced', 'Enter');
    await page.waitForSelector('[role=status]:has-text("This is a token of a caller")');
    await page.click('button:text-is("Trace what was issued to it")');
    // Seeded: many tokens of one session.
    await page.fill('#traced', 'uti-of-alice');
    await page.press('#traced', 'Enter');
    await page.waitForSelector('h2:has-text("tokens were issued to it.")');
    await page.waitForSelector('td:text-is("live")');
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
}
