import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { issued } from '#libs/audit/testing';
import { testDatabase, type TestDatabase } from '../support/postgres.js';
import { runningService } from '../support/running-service.js';
import { acsIdentity, type Ending, operatorEnvironment } from '../support/acs-identity.js';

// Each command is a process of its own; on a busy machine that takes seconds.
vi.setConfig({ testTimeout: 60_000 });

const service = runningService();
/** A log of its own, which no service adds to while its rows are tampered with. */
let place: TestDatabase;
let log: TestLog;
let folder = '';
/** The service's key, and that of the process that filled the logs: as during a rotation. */
let keys: string[] = [];

function inFolder(name: string): string {
  return join(folder, name);
}

/** With nothing but arguments: no service, no environment. */
async function outsider(args: readonly string[]): Promise<Ending> {
  return acsIdentity(['audit', 'verify', '--public-key', ...keys, ...args]);
}

async function verifyDatabase(args: readonly string[] = []): Promise<Ending> {
  return outsider(['--database-url', place.serviceUrl, ...args]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-audit-'));
  place = await testDatabase();
  const origin = 'localhost/acs-identity';
  log = await openTestLog(place.serviceUrl, { origin });
  const serviceLog = await openTestLog(service().database.serviceUrl, { origin });
  for (const { trail } of [log, serviceLog]) {
    await trail.recordAll(Array.from({ length: 600 }, (_, nth) => issued(nth)));
    await trail.record(issued(600));
  }
  await serviceLog.close();
  const { stdout } = await acsIdentity(['audit', 'keys'], {
    environment: operatorEnvironment(service()),
  });
  keys = [...stdout.trim().split('\n'), ...(await log.signers.verifierKeys())];
});
afterAll(async () => {
  await log.close();
  await place.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Changes rows as the database's superuser can, looks, and changes them back. */
async function tampered(sql: string, undo: string, look: () => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: place.superuserUrl });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(sql);
    await look();
    await client.query(undo);
  } finally {
    await client.end();
  }
}

describe('acs-identity audit verify', () => {
  it('finds the log whole, and later what was added since', async () => {
    const saved = inFolder('seen');
    const { code, stdout } = await verifyDatabase(['--save', saved]);
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
    'detects that a superuser changed %s, names the entry and exits with 1',
    async (_what, sql, undo, kind) => {
      await tampered(sql, undo, async () => {
        const { code, stdout } = await verifyDatabase();
        expect(stdout).toContain('NOT whole. The first bad index is 300.');
        expect(stdout).toContain(`300: ${kind}`);
        expect(code).toBe(1);
      });
      expect((await verifyDatabase()).code).toBe(0);
    },
  );

  it('detects that the end of the log was taken away, by a checkpoint that was kept', async () => {
    const kept = inFolder('kept');
    const shown = await acsIdentity(['audit', 'checkpoint', '--database-url', place.serviceUrl]);
    await writeFile(kept, shown.stdout);
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
        const { code, stdout } = await verifyDatabase(['--known', kept]);
        expect(stdout).toContain('checkpoint-contradicted');
        expect(code).toBe(1);
        expect((await verifyDatabase(['--since', kept])).code).toBe(1);
      },
    );
    expect((await verifyDatabase(['--known', kept])).code).toBe(0);
  });

  it('takes no key but the log’s own', async () => {
    const [other = '', own = ''] = keys;
    const url = place.serviceUrl;
    const verify = async (key: string) =>
      acsIdentity(['audit', 'verify', '--database-url', url, '--public-key', key]);
    expect((await verify(own)).code).toBe(0);
    const foreign = await verify(other);
    expect(foreign.code).toBe(1);
    expect(foreign.stdout).toContain('The first bad index is 0.');
    expect((await verify(`${own}x`)).code).toBe(1);
    const none = await acsIdentity(['audit', 'verify', '--database-url', url]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('--public-key');
  });
});

describe('acs-identity audit copy', () => {
  const at = (path: string) => inFolder(join('copy', path));

  it('copies the log for whoever has a token; files and key are all that verifying takes', async () => {
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
    const whole = await outsider(['--folder', copy, '--save', saved]);
    expect(whole.stdout).toContain('The log is whole');
    expect(whole.code).toBe(0);

    const tokenFile = inFolder('token');
    await writeFile(tokenFile, token);
    expect((await acsIdentity([...args, '--token-file', tokenFile])).code).toBe(0);
    expect((await outsider(['--folder', copy, '--since', saved])).code).toBe(0);
  });

  it.each([
    ['an entry', 'tile/entries/001', 5_000],
    ['a hash', 'tile/0/001', 0],
    ['a hash of hashes', 'tile/1/000.p/2', 40],
  ])('shows in the copy that %s was changed', async (_what, path, offset) => {
    const file = at(path);
    const bytes = await readFile(file);
    await writeFile(file, bytes.with(offset, (bytes[offset] ?? 0) ^ 1));
    const { code, stdout } = await outsider(['--folder', inFolder('copy')]);
    await writeFile(file, bytes);
    expect(code).toBe(1);
    const [, index] = /The first bad index is (\d+)\./.exec(stdout) ?? [];
    expect(Number(index)).toBeGreaterThanOrEqual(256);
    expect(Number(index)).toBeLessThan(512);
  });

  it('shows in the copy that the checkpoint was forged, or that there is none', async () => {
    const file = at('checkpoint');
    const checkpoint = await readFile(file, 'utf8');
    await writeFile(file, checkpoint.replace(/\n\d+\n/, '\n512\n'));
    expect((await outsider(['--folder', inFolder('copy')])).code).toBe(1);
    await writeFile(file, checkpoint);
    expect((await outsider(['--folder', inFolder('nowhere')])).code).toBe(1);
  });

  it('says why it was refused', async () => {
    const args = ['audit', 'copy', '--url', service().url, '--folder', inFolder('none')];
    const nobody = await acsIdentity(args);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain('checkpoint was refused with 401');
    const environment = { ACS_IDENTITY_TOKEN: await service().token('ivan') };
    expect((await acsIdentity(args, { environment })).stderr).toContain('refused with 403');
  });
});
