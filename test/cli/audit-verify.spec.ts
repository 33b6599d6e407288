import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { call } from '../support/call.js';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { signCheckpoint } from '#libs/transparency-log';
import { runningService } from '../support/running-service.js';

const service = runningService();
/** A second log, without a service that appends to it while its rows are changed. */
let database: TestDatabase;
let log: TestLog;
let folder = '';
/** Verifier keys of the service and of the process that filled the logs, as after a rotation. */
let keys: string[] = [];

function inFolder(name: string): string {
  return join(folder, name);
}

/** Verifies with arguments alone, without environment variables. */
async function verify(args: readonly string[], run = commandHere): Promise<CommandResult> {
  return run(['audit', 'verify', '--public-key', ...keys, ...args]);
}

async function verifyDatabase(args: readonly string[] = [], run = commandHere) {
  return verify(['--database-url', database.serviceUrl, ...args], run);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-audit-'));
  database = await testDatabase();
  const origin = 'localhost/acs-identity';
  log = await openTestLog(database.serviceUrl, { origin });
  const serviceLog = await openTestLog(service().database.serviceUrl, { origin });
  for (const { trail } of [log, serviceLog]) {
    await trail.recordAll(Array.from({ length: 600 }, (_, nth) => issued(nth)));
    await trail.record(issued(600));
  }
  await serviceLog.close();
  const { stdout } = await acsIdentity(['audit', 'keys'], {
    environment: operatorEnvironment(service()),
  });
  keys = [
    ...stdout.trim().split('\n'),
    ...(await log.signers.current()).map(({ verifier }) => verifier.toString()),
  ];
});
afterAll(async () => {
  await log.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Changes rows as the database's superuser while `check` runs. */
async function tampered(sql: string, undo: string, check: () => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: database.superuserUrl });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(sql);
    await check();
    await client.query(undo);
  } finally {
    await client.end();
  }
}

describe('acs-identity audit verify', () => {
  it('accepts an intact log, and one that has grown since a saved checkpoint', async () => {
    const saved = inFolder('seen');
    const { code, stdout } = await verifyDatabase(['--save', saved], acsIdentity);
    expect(stdout).toMatch(/^The log is whole: \d{3,} entries, root [\w+/=]{44}\.$/m);
    expect(code).toBe(0);
    await log.trail.record(issued(601));
    const later = await verifyDatabase(['--since', saved, '--known', saved, '--json']);
    expect(later.code).toBe(0);
    expect(JSON.parse(later.stdout)).toMatchObject({ faults: [], retiredBelow: 0 });
  });

  it.each([
    [
      'bytes of an entry',
      `UPDATE audit_entry SET leaf = set_byte(leaf, 40, get_byte(leaf, 40) # 1) WHERE entry_index = 300`,
      `UPDATE audit_entry SET leaf = set_byte(leaf, 40, get_byte(leaf, 40) # 1) WHERE entry_index = 300`,
      'entry-differs',
    ],
    [
      'a column beside it',
      `UPDATE audit_entry SET outcome = 'denied' WHERE entry_index = 300`,
      `UPDATE audit_entry SET outcome = 'success' WHERE entry_index = 300`,
      'column-differs',
    ],
    [
      'an address beside it',
      `UPDATE audit_personal SET client_address = '192.0.2.7' || client_address WHERE entry_index = 300`,
      `UPDATE audit_personal SET client_address = substr(client_address, 10) WHERE entry_index = 300`,
      'personal-differs',
    ],
  ])(
    'detects a superuser’s change of %s, names the entry and exits with 1',
    async (_what, sql, undo, kind) => {
      await tampered(sql, undo, async () => {
        const { code, stdout } = await verifyDatabase([], acsIdentity);
        expect(stdout).toContain('NOT whole. The first bad index is 300.');
        expect(stdout).toContain(`300: ${kind}`);
        expect(code).toBe(1);
      });
      expect((await verifyDatabase()).code).toBe(0);
    },
  );

  it('detects a truncated log by a saved checkpoint', async () => {
    const saved = inFolder('truncated');
    const shown = await commandHere(['audit', 'checkpoint', '--database-url', database.serviceUrl]);
    await writeFile(saved, shown.stdout);
    const newest = 'SELECT max(size) FROM audit_head';
    await tampered(
      `CREATE TEMP TABLE head AS SELECT * FROM audit_head WHERE size = (${newest});
       CREATE TEMP TABLE entry AS SELECT e.* FROM audit_entry e, head WHERE entry_index >= from_size;
       CREATE TEMP TABLE personal AS SELECT p.* FROM audit_personal p, head WHERE entry_index >= from_size;
       DELETE FROM audit_head WHERE size = (${newest});
       DELETE FROM audit_entry WHERE entry_index >= (SELECT from_size FROM head);
       DELETE FROM audit_personal WHERE entry_index >= (SELECT from_size FROM head)`,
      `INSERT INTO audit_head SELECT * FROM head; INSERT INTO audit_entry SELECT * FROM entry;
       INSERT INTO audit_personal SELECT * FROM personal`,
      async () => {
        expect((await verifyDatabase()).code).toBe(0);
        const { code, stdout } = await verifyDatabase(['--known', saved]);
        expect(stdout).toContain('checkpoint-contradicted');
        expect(stdout).toMatch(
          new RegExp(`^${saved} is of \\d+ entries, 1 more than the log has`, 'm'),
        );
        expect(stdout).toContain('docs/restoring.md');
        expect(code).toBe(1);
        expect((await verifyDatabase(['--since', saved])).code).toBe(1);
      },
    );
    expect((await verifyDatabase(['--known', saved])).code).toBe(0);
  });

  it('refuses signed checkpoints of another history by --known, --since and --save, of every size', async () => {
    const signers = await log.signers.current();
    for (const size of [1, 300, 599, 601]) {
      const file = inFolder(`other-${size}`);
      const origin = 'localhost/acs-identity';
      const note = signCheckpoint({ origin, size, root: Buffer.alloc(32, 1) }, signers);
      await writeFile(file, note);
      // What a size means is one mechanism; each option has it from the same place.
      for (const option of size === 300 ? ['--known', '--since', '--save'] : ['--known']) {
        const { code, stdout } = await verifyDatabase([option, file]);
        expect(stdout, `${option} ${size}`).toContain('checkpoint-contradicted');
        expect(code).toBe(1);
      }
      expect(await readFile(file, 'utf8')).toBe(note);
    }
    const noCheckpoint = inFolder('notes.txt');
    await writeFile(noCheckpoint, 'notes');
    expect((await verifyDatabase(['--save', noCheckpoint])).code).toBe(1);
    expect(await readFile(noCheckpoint, 'utf8')).toBe('notes');
  });

  it('refuses --witnessed-within without a policy, and a --save that can not be written', async () => {
    const lax = await verifyDatabase(['--witnessed-within', '60']);
    expect(lax.stderr).toBe('--witnessed-within needs --witness-policy.\n');
    expect([lax.code, lax.stdout]).toEqual([1, '']);
    const unsaved = await verifyDatabase(['--save', inFolder('nowhere/seen')]);
    expect(unsaved.stderr).toBe(`${inFolder('nowhere')} does not exist.\n`);
    expect([unsaved.code, unsaved.stdout]).toEqual([1, '']);
  });

  it('calls a log without entries empty, not whole, and contradicted by any checkpoint', async () => {
    const empty = await testDatabase();
    const saved = inFolder('of-the-full-log');
    expect((await verifyDatabase(['--save', saved])).code).toBe(0);
    const { code, stdout } = await verify(['--database-url', empty.serviceUrl]);
    expect(stdout).toContain('The log is empty');
    expect(stdout).not.toContain('whole');
    expect(code).toBe(2);
    const known = await verify(['--database-url', empty.serviceUrl, '--known', saved]);
    expect(known.stdout).toContain('checkpoint-contradicted');
    expect(known.code).toBe(1);
    await empty.close();
  });

  it('accepts only the log’s own key', async () => {
    const [other = '', own = ''] = [keys[0], keys.at(-1)];
    const url = database.serviceUrl;
    const verifyWith = async (key: string) =>
      commandHere(['audit', 'verify', '--database-url', url, '--public-key', key]);
    expect((await verifyWith(own)).code).toBe(0);
    const foreign = await verifyWith(other);
    expect(foreign.code).toBe(1);
    expect(foreign.stdout).toContain('The first bad index is 0.');
    const [name, id] = other.split('+');
    expect(foreign.stdout).toContain(`the signatures were compared with ${name}+${id}. After`);
    expect(foreign.stdout).toContain('`acs-identity audit keys`');
    const saved = inFolder('of-the-own-key');
    expect((await verifyDatabase(['--save', saved])).code).toBe(0);
    const unknown = await commandHere([
      'audit',
      'verify',
      '--database-url',
      url,
      '--public-key',
      other,
      '--known',
      saved,
    ]);
    expect(unknown.stderr).toContain(`${saved}: `);
    expect(unknown.stderr).toContain(`Given were ${name}+${id}.`);
    const keyFile = inFolder('broken.keys');
    await writeFile(keyFile, `${own}x\n`);
    const broken = await commandHere([
      'audit',
      'verify',
      '--database-url',
      url,
      '--public-key-file',
      keyFile,
    ]);
    expect(broken.stderr).toMatch(new RegExp(`^${keyFile}: .*audit keys`));
    expect((await verifyWith(`${own}x`)).code).toBe(1);
    const none = await acsIdentity(['audit', 'verify', '--database-url', url]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('--public-key');
  });
});

describe('acs-identity audit copy', () => {
  const at = (path: string) => inFolder(join('copy', path));

  it('copies the log with a token; the copy verifies with its files and the key alone', async () => {
    const copy = inFolder('copy');
    const args = ['audit', 'copy', '--url', service().url, '--folder', copy];
    const token = await service().token('grace');
    const { code, stderr, stdout } = await acsIdentity(args, {
      environment: { ACS_IDENTITY_TOKEN: token },
    });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The copy has \d{3,} entries\.\n$/);

    const saved = inFolder('copied');
    const whole = await verify(['--folder', copy, '--save', saved], acsIdentity);
    expect(whole.stdout).toContain('The log is whole');
    expect(whole.code).toBe(0);

    const tokenFile = inFolder('token');
    await writeFile(tokenFile, token);
    expect((await acsIdentity([...args, '--token-file', tokenFile])).code).toBe(0);
    expect((await verify(['--folder', copy, '--since', saved, '--known', saved])).code).toBe(0);
    const longer = inFolder('longer');
    const known = { origin: 'localhost/acs-identity', size: 9_999, root: Buffer.alloc(32, 1) };
    await writeFile(longer, signCheckpoint(known, await log.signers.current()));
    const shortened = await verify(['--folder', copy, '--known', longer]);
    expect(shortened.stdout).toContain('shorter than before');
    expect(shortened.code).toBe(1);
  });

  it.each([
    ['an entry', 'tile/entries/001', 5_000],
    ['a hash', 'tile/0/001', 0],
    ['a hash of hashes', 'tile/1/000.p/2', 40],
  ])('verify --folder: detects a change of %s', async (_what, path, offset) => {
    const file = at(path);
    const bytes = await readFile(file);
    await writeFile(file, bytes.with(offset, (bytes[offset] ?? 0) ^ 1));
    const { code, stdout } = await verify(['--folder', inFolder('copy')]);
    await writeFile(file, bytes);
    expect(code).toBe(1);
    const [, index] = /The first bad index is (\d+)\./.exec(stdout) ?? [];
    expect(Number(index)).toBeGreaterThanOrEqual(256);
    expect(Number(index)).toBeLessThan(512);
  });

  it('verify --folder: detects a forged and a missing checkpoint', async () => {
    const file = at('checkpoint');
    const checkpoint = await readFile(file, 'utf8');
    await writeFile(file, checkpoint.replace(/\n\d+\n/, '\n512\n'));
    expect((await verify(['--folder', inFolder('copy')])).code).toBe(1);
    await writeFile(file, checkpoint);
  });

  it.each([['verify'], ['erase-again', '--check']])(
    '%s --folder: names a folder that is missing, and one without a copy',
    async (...command) => {
      const environment = operatorEnvironment(service());
      const read = async (path: string) =>
        acsIdentity(['audit', ...command, '--public-key', ...keys, '--folder', path], {
          environment,
        });
      const missing = await read(inFolder('nowhere'));
      expect(missing.stderr).toBe(`${inFolder('nowhere')} does not exist.\n`);
      expect(missing.code).toBe(1);
      const empty = await read(at('tile'));
      expect(empty.stderr).toBe(`${at('tile')} has no file checkpoint.\n`);
      expect(empty.code).toBe(1);
    },
  );

  it('prints why it was refused', async () => {
    const args = ['audit', 'copy', '--url', service().url, '--folder', inFolder('none')];
    const anonymous = await acsIdentity(args);
    expect(anonymous.code).toBe(1);
    expect(anonymous.stderr).toMatch(/checkpoint\S* was refused with 401/);
    const environment = { ACS_IDENTITY_TOKEN: await service().token('ivan') };
    expect((await acsIdentity(args, { environment })).stderr).toContain('refused with 403');
  });
});

describe('acs-identity audit verify-proof', () => {
  const verifyProof = async (proof: string, entry: string): Promise<CommandResult> =>
    commandHere([
      'audit',
      'verify-proof',
      '--public-key',
      ...keys,
      '--proof',
      proof,
      '--entry',
      entry,
    ]);

  /** The evidence of an entry, as the console saves it. */
  async function savedEvidence(index: number): Promise<{ proof: string; entry: string }> {
    const token = await service().token('grace');
    const path = `/v1/audit/entries/at/${index}?include=proof`;
    const { body } = await call(service().url, 'get', path, { token });
    const { canonical, proof } = body as { canonical: string; proof: string };
    const files = { proof: inFolder(`${index}.tlog-proof`), entry: inFolder(`${index}.json`) };
    await Promise.all([writeFile(files.proof, proof), writeFile(files.entry, canonical)]);
    return files;
  }

  it('accepts the evidence of an entry', async () => {
    const { proof, entry } = await savedEvidence(7);
    const { code, stdout } = await verifyProof(proof, entry);
    expect(stdout).toMatch(
      /7\.json is entry 7 of localhost\/acs-identity, which had \d{3,} entries/,
    );
    expect(code).toBe(0);
  });

  it('refuses changed bytes, another entry, and a file that is no proof', async () => {
    const [seven, eight] = await Promise.all([savedEvidence(7), savedEvidence(8)]);
    const changed = inFolder('changed.json');
    await writeFile(changed, `${await readFile(seven.entry, 'utf8')} `);
    for (const entry of [changed, eight.entry]) {
      const { code, stderr } = await verifyProof(seven.proof, entry);
      expect(stderr).toContain('does not prove');
      expect(code).toBe(1);
    }
    expect(await verifyProof(seven.entry, seven.entry)).toMatchObject({ code: 1 });
  });

  it('refuses the evidence of a log whose key is another', async () => {
    const { proof, entry } = await savedEvidence(7);
    const [other = ''] = keys.slice(-1);
    const args = ['--public-key', other, '--proof', proof, '--entry', entry];
    const { code, stderr } = await acsIdentity(['audit', 'verify-proof', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${proof}: `);
    expect(stderr).toContain(`Given were ${other.split('+').slice(0, 2).join('+')}.`);
  });
});
