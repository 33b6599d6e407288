import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { denied, issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';
import { call } from '../support/call.js';
import { isSignedBy } from '../support/independent-verifier.js';
import { neverIssuedToken } from '../support/never-issued-token.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const service = runningService();
let folder = '';
/** As `audit keys` lists them: the key of the process that filled the log is retired. */
let keys: string[] = [];
let leakedToken = '';

function inFolder(name: string): string {
  return join(folder, name);
}

async function audit(args: readonly string[]): Promise<CommandResult> {
  return commandHere(['audit', ...args], { environment: operatorEnvironment(service()) });
}

/** By standard input, and so in a process of its own. */
async function traceOfInput(input: string): Promise<CommandResult> {
  const environment = operatorEnvironment(service());
  return acsIdentity(['audit', 'trace'], { environment, input });
}

async function trace(text: string, args: readonly string[] = []): Promise<CommandResult> {
  const file = inFolder('pasted.txt');
  await writeFile(file, text);
  return audit(['trace', '--token-file', file, ...args]);
}

async function verifyDatabase(url = service().database.serviceUrl): Promise<CommandResult> {
  return commandHere(['audit', 'verify', '--database-url', url, '--public-key', ...keys]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-audit-'));
  const log: TestLog = await openTestLog(service().database.serviceUrl, {
    origin: 'localhost/acs-identity',
  });
  await log.trail.recordAll(Array.from({ length: 600 }, (_, nth) => issued(nth)));
  leakedToken = (await issue(service(), 'alice')).token;
  const { code, stdout } = await audit(['keys']);
  expect(code).toBe(0);
  keys = stdout.trim().split('\n');
  await log.close();
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

describe('acs-identity audit', () => {
  it('--help describes each command', async () => {
    const { code, stdout } = await acsIdentity(['audit', '--help']);
    expect(code).toBe(0);
    for (const name of [
      'verify',
      'checkpoint',
      'keys',
      'copy',
      'export',
      'search',
      'tail',
      'trace',
      'erase',
      'retain',
    ]) {
      expect(stdout).toContain(`\n  ${name} [options]`);
    }
    expect((await commandHere(['audit', 'verify', '--help'])).stdout).toContain('Exit code 0');
  });

  it('checkpoint: prints the newest checkpoint, signed', async () => {
    const { code, stdout } = await audit(['checkpoint']);
    expect(code).toBe(0);
    expect(keys.some((key) => isSignedBy(stdout, key))).toBe(true);
  });

  it('names the missing settings and exits with 78', async () => {
    const url = service().database.serviceUrl;
    const { code, stderr } = await acsIdentity(['audit', 'export', '--database-url', url]);
    expect(code).toBe(78);
    expect(stderr).toContain('KEY_VAULT_URL: is not set');
    expect(stderr).not.toContain(url);
  });
});

describe('acs-identity audit export', () => {
  it.each(['ndjson', 'csv'])(
    'continues from the cursor file, behind the last whole line, in %s',
    async (format) => {
      const output = inFolder(`export.${format}`);
      const cursor = inFolder(`cursor.${format}`);
      const args = ['export', '--format', format, '--output', output, '--cursor-file', cursor];
      expect((await audit(args)).code).toBe(0);
      // As a full disk or a killed process leaves it.
      await appendFile(output, '{"index":60');
      expect((await audit(args)).code).toBe(0);
      const lines = (await readFile(output, 'utf8')).trimEnd().split('\n');
      const entries = format === 'csv' ? lines.slice(1) : lines;
      const indexes = entries.map((line) => Number(/^(?:\{"index":|")(\d+)/.exec(line)?.[1]));
      expect(indexes).toEqual(indexes.map((_, nth) => nth));
      expect(Number(await readFile(cursor, 'utf8'))).toBe(indexes.length);
    },
  );

  it('writes the entries that match, and continues among them', async () => {
    const [output, cursor] = [inFolder('alice.ndjson'), inFolder('alice.cursor')];
    const alice = SAMPLE_PEOPLE.alice.objectId;
    const filter = ['--actor-subject', alice, '--from', '7d'];
    const files = ['--output', output, '--cursor-file', cursor];
    for (let run = 0; run < 2; run += 1) {
      expect((await audit(['export', ...filter, ...files])).code).toBe(0);
    }
    const lines = (await readFile(output, 'utf8')).trimEnd().split('\n');
    const recorded = (await service().auditEntries()).filter(
      ({ actor }) => actor.subject === alice,
    );
    expect(lines.map((line) => (JSON.parse(line) as { entry: { id: string } }).entry.id)).toEqual(
      recorded.map(({ id }) => id),
    );
    expect(lines.length).toBeGreaterThan(0);
  });

  it('writes to standard output, and records the operator', async () => {
    const { stdout } = await audit(['export', '--from-index', '590', '--operator', 'olivia']);
    const [first = ''] = stdout.split('\n');
    expect(JSON.parse(first)).toMatchObject({ index: 590 });
    expect(
      (await service().auditEntries()).findLast(({ action }) => action === 'audit.export'),
    ).toMatchObject({
      actor: { kind: 'operator', name: 'olivia' },
    });
  });
});

describe('acs-identity audit search and tail', () => {
  it('prints the entries that match as a table, or one JSON object a line', async () => {
    const filter = ['--action', 'token.issue', '--actor-subject', SAMPLE_PEOPLE.alice.objectId];
    const table = await audit(['search', ...filter, '--is-guest', 'false', '--from', '24h']);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^\S+Z {2}#\d+ +success {2}token\.issue +user \S+ “.+” .*rule /);
    const found = await audit(['search', '--json', '--limit', '3', '--order', 'ascending']);
    const lines = found.stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual([0, 1, 2]);
    expect(found.stderr).toContain('There are more entries');
  });

  it('refuses options that can’t match', async () => {
    for (const option of [
      ['--outcome', 'fine'],
      ['--from', 'yesterday'],
      ['--action', 'steal'],
    ]) {
      const { code, stdout } = await audit(['search', ...option]);
      expect([code, stdout]).toEqual([1, '']);
    }
  });

  it.each(['search', 'tail', 'export'])(
    '%s: names each filter that no entry can match',
    async (command) => {
      const { code, stdout, stderr } = await audit([
        command,
        ...[
          '--reason-code',
          'nonsense',
          'by-role',
          '--action',
          'token.steal',
          '--identity-id',
          '7',
        ],
        ...['--communication-user-id', 'me', '--client-address', '192.0.2.9.1', '--rule', ''],
        ...['--from', '1h', '--to', '2h', '--address', '10.0.0.0/4', '--request-id', 'x'],
        ...['--actor-subject', 'mallory', '--actor-subject-not', 'mallory', '--trace-id', 'f'],
      ]);
      expect([code, stdout]).toEqual([1, '']);
      const named = [...stderr.matchAll(/^ {2}(--[a-z-]+):/gm)].map(([, name]) => name ?? '');
      expect(named.toSorted()).toEqual([
        ...['--action', '--actor-subject-not', '--address', '--client-address'],
        ...['--communication-user-id', '--identity-id', '--reason-code', '--request-id', '--rule'],
        ...['--to', '--trace-id'],
      ]);
      expect(stderr).toContain('nonsense is the code of no reason');
    },
  );

  it('search: says that no entry matches, on standard error', async () => {
    const { code, stdout, stderr } = await audit(['search', '--actor-subject', 'nobody', '--json']);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No entry matches.\n',
    });
  });

  it('tail: prints the newest entries, the newest one last', async () => {
    const { stdout } = await audit(['tail', '-n', '2', '--json', '--action', 'token.issue']);
    const lines = stdout.trim().split('\n');
    const indexes = lines.map((line) => (JSON.parse(line) as { index: number }).index);
    const newest = (await service().auditEntries()).flatMap(({ action }, index) =>
      action === 'token.issue' ? [index] : [],
    );
    expect(indexes).toEqual(newest.slice(-2));
  });
});

describe('acs-identity audit trace', () => {
  it('prints the issuance of the token on standard input', async () => {
    const { code, stdout } = await traceOfInput(`${leakedToken}\n`);
    expect(stdout).toContain(SAMPLE_PEOPLE.alice.objectId);
    expect(stdout).toContain('token.issue: success');
    expect(code).toBe(0);
    const json = await trace(leakedToken, ['--json']);
    const { entries } = JSON.parse(json.stdout) as {
      entries: { entry: { token: { fingerprint: string } } }[];
    };
    const again = await audit([
      'trace',
      '--fingerprint',
      entries[0]?.entry.token.fingerprint ?? '',
    ]);
    expect(stdout.startsWith(again.stdout)).toBe(true);
    const pasted = await trace(`curl -H 'authorization: Bearer ${leakedToken}' x`);
    expect(pasted.stdout).toBe(stdout);
    expect(stdout).toContain('keys that are no longer available: 0123456789abcdef');
  });

  it('says that a revocation is requested until ACS has confirmed it', async () => {
    const { control } = service().emulator;
    const { token } = await issue(service(), 'carol');
    await control.addFault({ service: 'acs', operation: 'revoke', kind: 'status', status: 503 });
    const caller = await service().token('carol');
    await call(service().url, 'post', '/v1/me/tokens/revoke', { token: caller });
    const { stdout } = await trace(token);
    await control.removeFaults();
    expect(stdout).toMatch(
      /: live, until \S+; revocation requested at \S+, not confirmed by ACS yet/,
    );
    await expect
      .poll(async () => (await trace(token)).stdout, { timeout: 60_000, interval: 2_000 })
      .toMatch(
        /: revoked, until \S+; ACS confirmed its revocation at \S+, and may accept it for 15 minutes/,
      );
  });

  it('exits with 1 for an unknown token, and without a token', async () => {
    for (const text of ['eyJ.unknown.token', leakedToken.slice(0, -9)]) {
      const { code, stdout, stderr } = await trace(text);
      expect(stderr).toContain('This is no token');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    }
    const unknown = await trace(neverIssuedToken());
    expect(unknown.stdout).toContain('The log has no such token.\n');
    expect(unknown.code).toBe(1);
    const fingerprint = await audit(['trace', '--fingerprint', 'x'.repeat(43)]);
    expect(fingerprint.stdout).toContain('The log has no such token.\n');
    expect((await traceOfInput('')).stderr).toContain('no token on standard input');
  });
});

describe('acs-identity audit trace of a token of a caller', () => {
  it('says that this service did not issue it, and how to find what was issued to it', async () => {
    const { code, stdout } = await trace(await service().token('alice'));
    expect(stdout).toContain('This is a token of a caller, not one that this service issued');
    expect(stdout).toMatch(/--token-id [\w-]{22} finds what was issued to it/);
    expect(code).toBe(1);
  });
});

describe('acs-identity audit erase', () => {
  const person = ['--tenant', SAMPLE_TENANTS.home.id, '--subject', SAMPLE_PEOPLE.alice.objectId];

  it('does nothing without --yes', async () => {
    const { code, stderr } = await audit(['erase', ...person]);
    expect(code).toBe(1);
    expect(stderr).toContain('--yes');
  });

  it('exits with 1 for a person whom the log has nothing about', async () => {
    for (const subject of [randomUUID(), SAMPLE_TENANTS.home.id]) {
      const nobody = ['--tenant', SAMPLE_TENANTS.home.id, '--subject', subject, '--yes'];
      const { code, stdout, stderr } = await audit(['erase', ...nobody]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('The audit log has no entry of or about this tenant and subject.');
      expect(await service().newestEntry()).toMatchObject({ outcome: 'denied' });
    }
  });

  it('erases a person’s values, and the log still verifies', async () => {
    const { code, stdout } = await audit(['erase', ...person, '--reason', 'case 4711', '--yes']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Erased [1-9]\d* rows of values\. Recorded as entry \d+\.\n$/);
    expect((await verifyDatabase()).stdout).toContain('The log is whole');
  });
});

describe('acs-identity audit retain', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(async () => database.close());

  it('drops expired months, and the log still verifies', async () => {
    const owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    for (const parent of ['audit_entry', 'audit_personal']) {
      await owner.query(
        `CREATE TABLE ${parent}_2025_01 PARTITION OF ${parent} FOR VALUES FROM ('2025-01-01Z') TO ('2025-02-01Z')`,
      );
    }
    await owner.end();
    const origin = 'localhost/acs-identity';
    const clock = new ManualClock(Date.parse('2025-01-15T12:00:00Z'));
    const past = await openTestLog(database.serviceUrl, { origin, clock });
    await past.trail.recordAll(Array.from({ length: 300 }, (_, nth) => issued(nth)));
    await past.close();
    const present = await openTestLog(database.serviceUrl, { origin });
    await present.trail.record(denied());
    await present.close();

    const retain = async (day: string) => {
      // The checkpoint file belongs to the service's log.
      const { AUDIT_CHECKPOINT_FILE: _file, ...others } = operatorEnvironment(service());
      const environment = { ...others, DATABASE_OWNER_URL: database.ownerUrl };
      const args = ['audit', 'retain', '--before', day, '--yes'];
      return commandHere(args, { environment });
    };
    expect((await retain('2025-01-31')).stdout).toBe('Nothing is that old.\n');
    const { code, stdout } = await retain('2025-02-01');
    expect(stdout).toContain(
      'Dropped audit_entry_2025_01: entries below 300 have no bodies any more.',
    );
    expect(code).toBe(0);
    const verified = await verifyDatabase(database.serviceUrl);
    expect(verified.stdout).toContain('Of the entries below 300 only hashes are kept');
    expect(verified.code).toBe(0);
    for (const no of ['yesterday', '2025-02-31'])
      expect((await retain(no)).stderr, no).toContain('a day such as');
  });
});
