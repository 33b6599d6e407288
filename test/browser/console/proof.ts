import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import {
  Cosigner,
  hashLeaf,
  formatSignatureLine,
  NoteSigner,
  parseNote,
  parseTilePath,
  signCheckpoint,
  signNote,
  TreeFrontier,
} from '#libs/transparency-log';
import { issue } from '../../support/tokens-api.js';
import { axeViolations } from './axe.js';
import { type ConsoleRig, LOG_SEED, ORIGIN, picture } from './rig.js';

const WITNESSED = '**/v1/audit/log/checkpoint/witnessed';
const HEALTH = '**/v1/audit/health';
const CHECKPOINT = '**/v1/audit/log/checkpoint';
const TILES = '**/v1/audit/log/tile/**';
/** Seeded entries. */
const ENTRY = 20;
const EDITED = 40;
const CUT = 60;

const signer = new NoteSigner(ORIGIN, LOG_SEED);

/** The log in the browser of an auditor: what it proves, and what each attack on it looks like. */
export function proofSpecs(rig: ConsoleRig): void {
  it('proves an entry by the keys v and s, and recognises honest growth', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/search?outcome=failure');
    await page.waitForSelector('.entries-body [role=row]');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.entry details');
    const opened = await page.textContent('.entry-head strong');
    await page.keyboard.press('v');
    await page.waitForSelector('.checks');
    expect(await page.textContent('.checks li:has-text("Contained")')).toContain(
      `${opened} is in the log`,
    );
    expect(await checks(page)).toEqual(['Signed', 'Remembered', 'Contained']);
    const names: string[] = [];
    page.on('download', (download) => names.push(download.suggestedFilename()));
    await page.keyboard.press('s');
    await expect
      .poll(() => names.map((name) => name.split('.').at(-1)).sort())
      .toEqual(['json', 'tlog-proof']);
    for (let n = 0; n < 3; n += 1) {
      await issue(rig.service(), 'carol');
      await recheck(page);
      expect(await checks(page)).toEqual(['Signed', 'Continued', 'Contained']);
    }
    await witnessed(page);
    expect(await axeViolations(page)).toEqual([]);
    await picture(page, 'proof');
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    await page.waitForSelector('h1:has-text("Is the log whole?")');
    await expect.poll(async () => checks(page)).toEqual(['Signed', 'Continued']);
    await witnessed(page);
    expect(await page.textContent('.cosigners')).toMatch(/team\.example\/w1 cosigned it/);
    expect(problems).toEqual([]);
  });

  it('names each attack on the log with a message of its own, and forgets nothing', async () => {
    const { page } = await rig.openIntercepted();
    await rig.signIn(page, 'Grace Green', `#/proof?entry=${ENTRY}`);
    await page.waitForSelector('.checks');
    const early = await remembered(page);
    await issue(rig.service(), 'carol');
    await recheck(page);
    const seen = await remembered(page);
    const found: Record<string, string> = {};
    const attack = async (name: string): Promise<void> => {
      await recheck(page);
      expect(await page.locator('[data-fault]').count(), name).toBe(1);
      expect(await remembered(page), name).toEqual(seen);
      found[name] = (await page.textContent('[data-fault] h2')) ?? '';
    };

    await page.route(CHECKPOINT, async (route) => route.fulfill({ body: early.note }));
    await attack('rolled back');
    await page.unroute(CHECKPOINT);

    const fork = await forkOf(rig);
    await page.route(CHECKPOINT, async (route) => route.fulfill({ body: fork.note }));
    await page.route(TILES, async (route) =>
      route.fulfill({ body: fork.tile(route.request().url()) }),
    );
    await attack('forked');
    expect(await axeViolations(page)).toEqual([]);
    await picture(page, 'proof-forked');
    await page.unroute(CHECKPOINT);
    await page.unroute(TILES);

    const thief = new NoteSigner(ORIGIN, Buffer.alloc(32, 9));
    await page.route(CHECKPOINT, async (route) =>
      route.fulfill({ body: signNote(parseNote(fork.note).text, [thief]) }),
    );
    await attack('other key');
    await page.unroute(CHECKPOINT);

    await page.route(TILES, async (route) => route.fulfill({ body: Buffer.alloc(0) }));
    await attack('withheld tiles');
    await page.unroute(TILES);

    // What the owner of the database can do: the triggers against it are off.
    const edit = `SET session_replication_role = replica;
      UPDATE audit_entry SET leaf = set_byte(leaf, 40, get_byte(leaf, 40) # 1)
      WHERE entry_index = ${EDITED};
      RESET session_replication_role`;
    await rig.service().rows(edit);
    await open(page, rig, EDITED);
    found['edited row'] = (await page.textContent('[data-fault=edited] h2')) ?? '';
    await rig.service().rows(edit);

    await page.route(`**/v1/audit/entries/at/${CUT}?*`, async (route) => {
      const answer = await route.fetch();
      const entry = (await answer.json()) as { proof: string };
      const proof = entry.proof.split('\n').toSpliced(3, 1).join('\n');
      await route.fulfill({ response: answer, json: { ...entry, proof } });
    });
    await open(page, rig, CUT);
    found['cut proof'] = (await page.textContent('[data-fault=cut] h2')) ?? '';

    // A checkpoint that the witness and the log signed, and that the log does not begin with.
    const { text } = parseNote((await forkOf(rig)).note);
    const witness = new Cosigner('team.example/w1', Buffer.alloc(32, 'team.example/w1'));
    const cosigned = signNote(text, [signer]) + formatSignatureLine(witness.cosign(text, 1));
    await page.route(WITNESSED, async (route) => route.fulfill({ body: cosigned }));
    await open(page, rig, ENTRY);
    found['contradicted by witnesses'] = (await page.textContent('[data-fault] h2')) ?? '';
    await page.unroute(WITNESSED);

    expect(found).toEqual({
      'rolled back': 'The log was rolled back',
      forked: 'The log was forked',
      'other key': 'Another key signed the log',
      'withheld tiles': 'The proof is incomplete',
      'edited row': `Entry #${EDITED} was changed`,
      'cut proof': 'The proof of the entry is incomplete',
      'contradicted by witnesses': 'The witnesses cosigned another log',
    });
    await page.route(HEALTH, async (route) => route.fulfill({ status: 503, body: '{}' }));
    await open(page, rig, ENTRY);
    await recheck(page);
    expect(await checks(page)).toEqual(['Signed', 'Continued', 'Contained']);
    expect(await page.getAttribute('.witnesses', 'data-witnesses')).not.toBeNull();
  });

  it('checks nothing by a memory that it can not read, and begins anew once it is forgotten', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Grace Green', '#/proof');
    await page.waitForSelector('.checks');
    for (const name of ['log-keys', 'witness-policy', `checkpoint ${ORIGIN}`]) {
      await page.evaluate(`localStorage['console.${name}'] = '{}'`);
      await page.keyboard.press('.');
      await page.waitForSelector(`.failure:has-text("console.${name}")`);
      expect(await page.locator('.checks').count()).toBe(0);
      expect(await axeViolations(page)).toEqual([]);
      await page.click('button:has-text("Forget everything")');
      await page.waitForSelector('[role=alertdialog] button[type=submit]:disabled');
      await page.fill('[role=alertdialog] input', 'forget');
      await page.click('[role=alertdialog] button[type=submit]');
      // The dialog takes the keys of the page, and hides it from screen readers, until it is gone.
      await page.waitForSelector('[role=alertdialog]', { state: 'detached' });
      await page.waitForSelector('#console:not([aria-hidden])');
      await page.waitForSelector('.checks');
      expect(await checks(page)).toEqual(['Signed', 'Remembered']);
    }
    expect(problems).toEqual([]);
  });

  it('proves to an auditor of another tenant the entries of its tenant', async () => {
    const { page, problems } = await rig.open();
    await rig.signIn(page, 'Ivan Ivanov', '#/search?action=token.issue');
    await page.waitForSelector('.entries-body [role=row]');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.entry details');
    await page.keyboard.press('v');
    await page.waitForSelector('.checks li:has-text("Contained")');
    expect(problems).toEqual([]);
  });
}

/** What the page says that it checked. */
async function checks(page: Page): Promise<string[]> {
  const titles = await page.locator('.checks li > span > strong').allTextContents();
  return titles.map((title) => title.replace('.', ''));
}

/** Checks again until a quorum is there: the service asks the witness every second. */
async function witnessed(page: Page): Promise<void> {
  await expect
    .poll(async () => {
      await recheck(page);
      return page.getAttribute('.witnesses', 'data-witnesses');
    })
    .toBe('witnessed');
}

/** Repeats the checks, and waits for their result. */
async function recheck(page: Page): Promise<void> {
  const before = await page.getAttribute('.checked', 'data-at');
  await page.keyboard.press('.');
  await page.waitForSelector(`.checked:not([data-at="${before}"])`);
}

async function open(page: Page, rig: ConsoleRig, index: number): Promise<void> {
  await page.goto(`${rig.url()}#/proof?entry=${index}`);
  await page.waitForSelector(`.checked[data-entry="${index}"]`);
}

interface Remembered {
  readonly note: string;
  readonly size: number;
}

async function remembered(page: Page): Promise<Remembered> {
  const text = await page.evaluate<string>(`localStorage['console.checkpoint ${ORIGIN}']`);
  return JSON.parse(text) as Remembered;
}

/** A log with another entry in its middle, longer than the real one and signed with its key. */
async function forkOf(rig: ConsoleRig): Promise<{ note: string; tile(url: string): Buffer }> {
  const rows = await rig
    .service()
    .rows<{ leaf: Buffer }>('SELECT leaf FROM audit_entry ORDER BY entry_index');
  const hashes = rows.map(({ leaf }) => hashLeaf(leaf));
  const forked = [...hashes.with(100, hashLeaf(Buffer.from('{}'))), ...hashes.slice(0, 5)];
  const { frontier, completedTiles } = TreeFrontier.empty().append(forked);
  const tiles = [...completedTiles, ...frontier.partialTiles];
  const { size } = frontier;
  return {
    note: signCheckpoint({ origin: ORIGIN, size, root: frontier.root() }, [signer]),
    tile: (url) => {
      const address = parseTilePath(url.split('/v1/audit/log/')[1] ?? '');
      const tile = tiles.find(
        ({ level, index }) =>
          address.kind === 'tile' && level === address.level && index === address.index,
      );
      return Buffer.from(tile?.hashes.subarray(0, address.width * 32) ?? []);
    },
  };
}
