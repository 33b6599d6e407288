import { expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { issue } from '../../support/tokens-api.js';
import { axeViolations } from './axe.js';
import { counted } from './keys.js';
import { type ConsoleRig, picture } from './rig.js';

const MINUTE_MS = 60_000;

/** From a leaked token to its person, and what an administrator does with an identity. */
export function actSpecs(rig: ConsoleRig): void {
  it('leads from a leaked token to its person and revokes it, in ten keys and within a minute', async () => {
    const { token, identity } = await issue(rig.service(), 'alice');
    const { page, problems } = await rig.open();
    const lines: string[] = [];
    page.on('request', (request) => lines.push(request.url()));
    await rig.signIn(page, 'Nora North');
    const start = performance.now();
    const keys = counted(page);
    await keys.press('g');
    await keys.press('t');
    await page.waitForSelector('#traced:focus');
    await keys.paste(`curl -H 'authorization: Bearer ${token}' https://app.example/join`);
    await keys.press('Enter');
    await page.waitForSelector('h2:has-text("Alice Adams holds it.")');
    await picture(page, 'trace');
    await keys.press('r');
    await page.waitForSelector('[role=alertdialog] input:focus');
    expect(await axeViolations(page)).toEqual([]);
    await keys.type(identity.id.slice(-4));
    await keys.press('Enter');
    await page.waitForSelector('text=The revocation of all tokens of Alice Adams is requested.');
    expect(keys.count).toBe(10);
    expect(performance.now() - start).toBeLessThan(MINUTE_MS);
    await expect
      .poll(async () =>
        (await rig.service().auditEntries()).some(
          ({ action, details }) => action === 'token.revoke' && details?.stage === 'confirmed',
        ),
      )
      .toBe(true);
    await page.fill('#search-box', `{"token":"${token}","expiresOn":"2026-01-01T00:00:00Z"}`);
    await page.press('#search-box', 'Enter');
    await page.waitForSelector('h2:has-text("It is revoked")');
    await page.reload();
    await page.click('text="Sign in"');
    await page.click('button:has-text("Nora North")');
    await page.waitForSelector('h2:has-text("Alice Adams held it.")');
    await page.fill('#search-box', `token=${token.slice(0, 300)}`);
    await page.press('#search-box', 'Enter');
    await page.waitForSelector('[role=alert]:has-text("This is neither a token")');
    const kept = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, location.href])',
    );
    for (const text of [kept, await page.content(), ...lines, ...rig.service().logLines])
      expect(text).not.toContain(token.slice(0, 300));
    expect(problems).toEqual([]);
  });

  it('suspends an identity, resumes it, and erases its person with both halves', async () => {
    const { identity } = await issue(rig.service(), 'bob');
    // Dialogs come and go as they do for most people.
    const { page, problems } = await rig.open({ reducedMotion: 'no-preference' });
    const subject = SAMPLE_PEOPLE.bob.objectId;
    await rig.signIn(page, 'Nora North', `#/identities?person=${subject}`);
    const confirm = async (act: string, reason?: string): Promise<void> => {
      await page.click(`.identity button:has-text("${act}")`);
      const dialog = page.locator('[role=alertdialog]');
      if (reason !== undefined) await dialog.locator('input').first().fill(reason);
      await dialog.locator('input').last().fill(identity.id.slice(-4));
      await dialog.locator('button[type=submit]').click();
      await dialog.waitFor({ state: 'detached' });
      // The dialog hides the page from screen readers until it is gone.
      await page.waitForSelector('#console:not([aria-hidden])');
    };
    await confirm('Suspend');
    await page.waitForSelector('.identity dd:has-text("suspended")');
    expect(await axeViolations(page)).toEqual([]);
    await picture(page, 'identities');
    await confirm('Resume');
    await page.waitForSelector('.identity button:has-text("Suspend")');
    await confirm('Erase the person', 'request 4711');
    await expect
      .poll(async () =>
        (await rig.service().auditEntries()).map(
          ({ action, reason }) => `${action} ${reason?.detail}`,
        ),
      )
      .toContain('audit.erase request 4711');
    const actions = (await rig.service().auditEntries()).map(({ action }) => action);
    expect(actions).toContain('identity.delete');
    expect(problems).toEqual([]);
  });

  it('sends an act once, and again only at a click', async () => {
    const { identity } = await issue(rig.service(), 'carol');
    const { page } = await rig.openIntercepted();
    await rig.signIn(page, 'Nora North', `#/identities?person=${identity.id}`);
    let sent = 0;
    await page.route('**/v1/identities/*', async (route) => {
      if (route.request().method() !== 'PATCH') return route.fallback();
      sent += 1;
      return route.fulfill({
        status: 503,
        headers: { 'retry-after': '1' },
        contentType: 'application/problem+json',
        body: JSON.stringify({
          ...{ type: 'urn:acs-identity:problem:test', title: 'Busy', status: 503 },
          ...{ detail: 'busy', requestId: crypto.randomUUID() },
        }),
      });
    });
    await page.click('.identity button:has-text("Suspend")');
    await page.fill('[role=alertdialog] input', identity.id.slice(-4));
    await page.press('[role=alertdialog] input', 'Enter');
    await page.waitForSelector('[role=alertdialog] .failure:has-text("Possible in")');
    await page.waitForSelector('[role=alertdialog] .failure:not(:has([role=timer]))');
    expect(sent).toBe(1);
    await page.click('[role=alertdialog] button:has-text("Try again")');
    await expect.poll(() => sent).toBe(2);
    await page.click('[role=alertdialog] button:text-is("Cancel")');
    await page.waitForSelector('#console:not([aria-hidden])');
  });

  it('shows the picture of a day, whose bars open their entries by keys', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green');
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await page.waitForSelector('.chart svg[role=application]');
    await page.waitForSelector('.ranked li');
    await page.waitForSelector('.health strong');
    expect(await page.textContent('.tiles li:nth-child(2)')).toMatch(/^\d+ entries refused$/);
    expect(await page.textContent('.overview > .soft')).toContain('may stand for many refusals');
    await page.click('.health summary');
    await page.waitForSelector('.health th:has-text("witness team.example/w1")');
    expect(await axeViolations(page)).toEqual([]);
    await picture(page, 'overview');
    await page.focus('.chart svg[role=application]');
    await page.keyboard.press('End');
    const bar = async (): Promise<string> =>
      (await page.textContent('.chart-range [role=status]')) ?? '';
    // The refusal may have been in the hour before.
    if (!(await bar()).includes('denied')) await page.keyboard.press('ArrowLeft');
    expect(await bar()).toMatch(/denied \d+/);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=row] .what');
    expect(problems).toEqual([]);
  });

  it('lets identity administrators sign in for identities, who may not read the log', async () => {
    const { identity } = await issue(rig.service(), 'carol');
    const { page } = await rig.openIntercepted();
    await page.goto(rig.url());
    await page.click('text="Sign in"');
    await page.click('button:has-text("Ada Allen")');
    await page.waitForSelector('.failure:has-text("You are not signed in")');
    expect(await axeViolations(page)).toEqual([]);
    await page.click('button:text-is("Sign in for identities alone")');
    await page.click('button:has-text("Ada Allen")');
    await page.waitForSelector('#person:focus');
    expect(await page.locator('nav a').allTextContents()).toEqual(['Identities', 'About']);
    expect(await axeViolations(page)).toEqual([]);

    // A renewal requests what the sign-in did.
    const refused = { status: 401, contentType: 'application/problem+json', body: '{}' };
    await page.route('**/v1/identities/*', async (route) => route.fulfill(refused), { times: 1 });
    await page.fill('#search-box', identity.id);
    await page.press('#search-box', 'Enter');
    await page.waitForSelector('.identity button:has-text("Suspend")');
    expect(await page.locator('.identity button:has-text("Erase")').count()).toBe(0);
    await page.route('**/v1/identities/*', async (route) => route.fulfill(refused), { times: 2 });
    await page.click('.identity button:has-text("Suspend")');
    await page.fill('[role=alertdialog] input', identity.id.slice(-4));
    await page.press('[role=alertdialog] input', 'Enter');
    await page.waitForSelector('[role=alertdialog] button:text-is("Sign in again")');
    await page.click('[role=alertdialog] button:text-is("Cancel")');
    await page.waitForSelector('#console:not([aria-hidden])');
    expect(await page.locator('.identity a').count()).toBe(0);

    await page.goto(`${rig.url()}#/search?outcome=denied`);
    await page.waitForSelector('.failure:has-text("You may not read the audit log")');
    await page.click('.failure a');
    await page.waitForSelector('#person');
    await page.click('nav a:text-is("About")');
    await page.waitForSelector('dd:has-text("CommunicationIdentity.Read.All")');
    expect(await page.locator('h2:has-text("Keys of the log")').count()).toBe(0);
  });

  it('keeps the page that somebody wanted, with its personal filters, over a reload and a sign-in that failed', async () => {
    const { page } = await rig.open();
    await page.goto(`${rig.url()}#/search?range=90d`);
    await page.waitForSelector('text="Sign in"');
    await page.evaluate("history.replaceState({ personal: { displayName: 'Carol Clark' } }, '')");
    await page.reload();
    await page.click('text="Sign in"');
    await page.click('button:has-text("Ada Allen")');
    await page.waitForSelector('.failure:has-text("You are not signed in")');
    await page.click('text="Sign in"');
    await page.click('button:has-text("Grace Green")');
    await page.waitForSelector('.chip:has-text("name: Carol Clark")');
    await page.waitForSelector('.entries-body [role=row]');
    expect(await page.textContent('.foot')).toContain('1 filter');
    const kept = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])',
    );
    expect(kept).not.toContain('Carol');
  });

  it('says who assigns the permission of Identities, when the sign-in has requested it', async () => {
    const { page } = await rig.openIntercepted();
    // As of a provider that grants less than was requested, and says nothing.
    const json = { displayName: 'Ada Allen', permissions: [], audit: 'none' };
    await page.route('**/v1/me', async (route) => route.fulfill({ json }));
    await page.goto(rig.url());
    await page.click('button:text-is("Sign in for identities alone")');
    await page.click('button:has-text("Ada Allen")');
    await page.waitForSelector('p:has-text("which your account does not have")');
    expect(await page.locator('button:text-is("Sign in for identities")').count()).toBe(0);
  });
}
