import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReadingDatabase } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { EntryFeed } from '../export/entry-feed.js';
import { AuditOverview } from '../health/audit-overview.js';
import { LogTime } from '../log/log-time.js';
import type { WitnessOverview } from '../health/witness-overview.js';
import { LogKeys } from '../log/log-keys.js';
import { EntryStatistics } from '../query/entry-statistics.js';
import { alice, issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { TestVerifier } from '../testing/test-verifier.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import { type VerifiedPart, VerifiedParts } from './verified-part.js';

let database: TestDatabase;
let log: TestLog;
let verifier: TestVerifier;
let superuser: pg.Client;

const RUNS = 'audit_statistic_run (start_at, end_at)';
const COPIED = `CREATE TEMP TABLE copied AS SELECT * FROM audit_entry WHERE entry_index = 7`;

/** Rows that anybody but the service has written: what is found, the edit and its reversal. */
const ROWS: Readonly<Record<string, readonly [kind: string, edit: string, undo: string]>> = {
  'an entry at -infinity': [
    'entry-added',
    `${COPIED}; UPDATE copied SET recorded_at = '-infinity', entry_index = -1;
     INSERT INTO audit_entry SELECT * FROM copied; DROP TABLE copied`,
    `DELETE FROM audit_entry WHERE recorded_at = '-infinity'`,
  ],
  'the first row that the table of entries can hold': [
    'entry-added',
    `${COPIED}; UPDATE copied SET recorded_at = '-infinity', entry_index = -9223372036854775808;
     INSERT INTO audit_entry SELECT * FROM copied; DROP TABLE copied`,
    `DELETE FROM audit_entry WHERE recorded_at = '-infinity'`,
  ],
  'an entry of a retention at infinity': [
    'entry-added',
    `${COPIED}; UPDATE copied SET recorded_at = 'infinity', entry_index = 9223372036854775807,
       action = 'audit.retain', outcome = 'success';
     INSERT INTO audit_entry SELECT * FROM copied; DROP TABLE copied`,
    `DELETE FROM audit_entry WHERE recorded_at = 'infinity'`,
  ],
  'a personal value at -infinity': [
    'personal-added',
    `INSERT INTO audit_personal (entry_index, recorded_at, whose, salts) VALUES (-1, '-infinity', 'x', '')`,
    `DELETE FROM audit_personal WHERE recorded_at = '-infinity'`,
  ],
  'a fingerprint key of no entry': [
    'fingerprint-key-differs',
    `INSERT INTO audit_fingerprint_key VALUES ('ffff', -1)`,
    `DELETE FROM audit_fingerprint_key WHERE id = 'ffff'`,
  ],
  'a signing key that is none': [
    'signing-key-differs',
    `UPDATE audit_signing_keys SET keys = keys || '{no key, NULL}'`,
    `UPDATE audit_signing_keys SET keys = keys[1:1]`,
  ],
  'a row of signing keys before the log': [
    'signing-key-differs',
    `INSERT INTO audit_signing_keys SELECT -5, keys FROM audit_signing_keys`,
    `DELETE FROM audit_signing_keys WHERE from_size < 0`,
  ],
  'a head before the log': [
    'head-added',
    `INSERT INTO audit_head SELECT -5, -6, root, recorded_at, substring(leaf_hashes FOR 32), checkpoint
     FROM audit_head LIMIT 1`,
    `DELETE FROM audit_head WHERE size < 0`,
  ],
  'a run of counted hours without an end': [
    'statistic-differs',
    `INSERT INTO ${RUNS} VALUES ('-infinity', 'infinity')`,
    `DELETE FROM audit_statistic_run WHERE end_at = 'infinity'`,
  ],
};

const MALLORY = `UPDATE audit_entry SET actor_subject = 'mallory' WHERE entry_index = 9`;
const ALICE = `UPDATE audit_entry SET actor_subject = '${alice.subject}' WHERE entry_index = 9`;
const MALLORY_DETAIL = 'entry 9: actor_subject';

const details = async (): Promise<string[]> =>
  (await verifier.findings()).map(({ detail }) => detail);

/** The details of the entries `audit.damage` from an index on. */
async function recordedFrom(index: number): Promise<(string | undefined)[]> {
  const { entries } = await log.get(EntryFeed).read(index, 1_000);
  const damage = entries.filter(({ entry }) => entry.action === 'audit.damage');
  return damage.map(({ entry }) => entry.reason?.detail);
}

async function logSize(): Promise<number> {
  return (await log.reader.checkpoint()).size;
}

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  for (let nth = 0; nth < 6; nth += 1) {
    await log.trail.recordAll(Array.from({ length: 10 }, (_, one) => issued(one)));
  }
  verifier = new TestVerifier(log);
  verifier.start();
  await verifier.stop();
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
  await verifier.pass();
});

afterAll(async () => {
  await superuser.end();
  await log.close();
  await database.close();
});

describe('the background verifier, of rows that the service can not have written', () => {
  it.each(Object.entries(ROWS))(
    'finds %s, and what else was edited',
    async (_, [kind, edit, undo]) => {
      await superuser.query(edit);
      await superuser.query(MALLORY);
      await verifier.pass();
      expect((await verifier.findings()).map((one) => one.kind)).toContain(kind);
      expect(await details()).toContain(MALLORY_DETAIL);
      await superuser.query(ALICE);
      await superuser.query(undo);
      await verifier.pass();
      expect(await verifier.findings()).toEqual([]);
    },
  );

  it.each(Object.entries(ROWS))(
    'lets auditors read the health of the log with %s',
    async (_, row) => {
      const witnesses = { read: async () => Promise.resolve(undefined) };
      const parts = new VerifiedParts();
      parts.add({ name: 'log', check: async () => Promise.reject(new Error('unused')) });
      const overview = new AuditOverview(
        log.get(ReadingDatabase),
        log.reader,
        parts,
        witnesses as unknown as WitnessOverview, // the member that it reads
        log.get(LogTime),
        { ...log.settings, verificationMs: 3_600_000 },
      );
      const before = await overview.read();
      const keys = await log.get(LogKeys).lines();
      await superuser.query(row[1]);
      expect(await overview.read()).toEqual(before);
      expect(await log.get(LogKeys).lines()).toEqual(keys);
      await log.get(EntryStatistics).rollUp();
      await superuser.query(row[2]);
    },
  );

  it('says by the verification on command that the log is not whole', async () => {
    const verify = async () =>
      log.get(DatabaseVerifier).verify({ ...(await log.get(LogKeys).trust()), known: [] });
    expect((await verify()).faults).toEqual([]);
    for (const [kind, edit, undo] of Object.values(ROWS)) {
      await superuser.query(edit);
      expect((await verify()).faults.map((fault) => fault.kind)).toContain(kind);
      await superuser.query(undo);
    }
  });
});

describe('the background verifier, of its own row', () => {
  it.each([
    `'{"next": 3, "verified": 62, "signingKeys": 1, "signedFrom": 0}'`,
    `'{"next": 0, "verified": 99999999}'`,
    `'{"next": 1e300, "verified": -1, "signedFrom": -5}'`,
    `'{"next": "x", "verified": {}}'`,
    `'null'`,
    `'[1]'`,
  ])('begins anew at a position that can not be right, such as %s', async (position) => {
    const from = await logSize();
    await superuser.query(`UPDATE audit_verification SET position = ${position}`);
    await verifier.pass();
    expect(await recordedFrom(from)).toEqual([]);
    expect(await verifier.findings()).toEqual([]);
    const { index } = await log.trail.record(issued(1));
    await superuser.query(`UPDATE audit_entry SET outcome = 'x' WHERE entry_index = ${index}`);
    await verifier.run();
    expect(await details()).toEqual([`entry ${index}: outcome`]);
    await superuser.query(
      `UPDATE audit_entry SET outcome = 'success' WHERE entry_index = ${index}`,
    );
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it.each([
    `progress = 'NaN'`,
    `progress = 'infinity'`,
    `progress = 1e9`,
    `pass_started_at = 'infinity'`,
    `pass_started_at = '-infinity'`,
    `findings = 'null'`,
    `findings = '[{"kind": 5}]'`,
  ])('checks every part soon after %s', async (change) => {
    await superuser.query(MALLORY);
    await superuser.query(`UPDATE audit_verification SET ${change}`);
    await verifier.run();
    await verifier.pass();
    expect(await details()).toEqual([MALLORY_DETAIL]);
    await superuser.query(ALICE);
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('forgets findings that nobody found, and records none of them', async () => {
    const from = await logSize();
    for (const place of ['0', '7', '1e12', 'signing keys', 'runs', 'x', '']) {
      const finding = { place, kind: 'entry-differs', detail: 'entry 5: something' };
      await superuser.query('UPDATE audit_verification SET findings = $1', [
        JSON.stringify([finding]),
      ]);
      await verifier.pass();
      expect(await verifier.findings()).toEqual([]);
    }
    expect(await recordedFrom(from)).toEqual([]);
  });

  it.each([true, false])(
    'logs and records a finding that was announced before (isRecorded: %s)',
    async (isRecorded) => {
      const from = await logSize();
      const kept = log.logger.lines.length;
      const finding = { place: '0', kind: 'column-differs', detail: MALLORY_DETAIL, since: from };
      await superuser.query(`UPDATE audit_verification SET findings = $1 WHERE part = 'log'`, [
        JSON.stringify([{ ...finding, isRecorded }]),
      ]);
      await superuser.query(MALLORY);
      await verifier.pass();
      await verifier.pass();
      expect(await recordedFrom(from)).toEqual([MALLORY_DETAIL]);
      const lines = log.logger.lines
        .slice(kept)
        .filter(({ message }) => message === 'damage found');
      expect(lines).toHaveLength(1);
      await superuser.query(ALICE);
      await verifier.pass();
      expect(await verifier.findings()).toEqual([]);
    },
  );

  it('believes no row that says that a finding was recorded, unless the log has it', async () => {
    const from = await logSize();
    // It covers itself as well: of a row behind the log.
    const detail = 'entry 5000: the log ends before this index';
    await superuser.query(
      `CREATE TEMP TABLE copied AS SELECT * FROM audit_entry WHERE action = 'audit.damage' LIMIT 1`,
    );
    await superuser.query(
      `UPDATE copied SET entry_index = 5000, recorded_at = now() + interval '1 minute', reason_detail = $1,
         leaf = convert_to(replace(convert_from(leaf, 'UTF8'), $2, $1), 'UTF8')`,
      [detail, MALLORY_DETAIL],
    );
    await superuser.query('INSERT INTO audit_entry SELECT * FROM copied; DROP TABLE copied');
    await superuser.query(`UPDATE audit_verification SET findings = $1 WHERE part = 'log'`, [
      JSON.stringify([{ place: '0', kind: 'entry-added', detail, isRecorded: true }]),
    ]);
    await verifier.pass();
    expect(await recordedFrom(from)).toContain(detail);
    await superuser.query('DELETE FROM audit_entry WHERE entry_index = 5000');
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });
});

describe('a part that can not be checked', () => {
  const failing: VerifiedPart = {
    name: 'fragile',
    check: async (transaction) => transaction.query('SELECT 1 / 0'),
    checkNew: async (transaction) => transaction.query('SELECT 1 / 0'),
  };

  it('keeps no other from its turn, is late, and is logged once', async () => {
    const other = new TestVerifier(log, [failing]);
    other.start();
    await other.stop();
    await superuser.query(MALLORY);
    const kept = log.logger.lines.length;
    await other.pass();
    await other.pass();
    expect(await details()).toEqual([MALLORY_DETAIL]);
    const lines = log.logger.lines
      .slice(kept)
      .filter(({ message }) => message === 'part not checked');
    expect(lines).toHaveLength(1);
    const { verification } = await other.readiness.ask();
    expect(verification).toMatchObject({
      degradation: expect.stringMatching(
        /not checked: fragile.*; the checks are late: fragile$/,
      ) as string,
    });
    await superuser.query(ALICE);
    await verifier.pass();
  });
});

describe('a head beyond any log', () => {
  // The last one: the replica no longer shows this log.
  it('is found, and so is what else was edited', async () => {
    await superuser.query(
      `INSERT INTO audit_head SELECT 9223372036854775807, 9223372036854775806, root, recorded_at,
         substring(leaf_hashes FOR 32), checkpoint FROM audit_head LIMIT 1`,
    );
    await superuser.query(MALLORY);
    await verifier.pass();
    const kinds = (await verifier.findings()).map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual(['column-differs', 'head-added']);
    const { verification } = await verifier.readiness.ask();
    expect(verification).toMatchObject({
      degradation: expect.stringMatching(/^findings: 2;/) as string,
    });
    await superuser.query('DELETE FROM audit_head WHERE size = 9223372036854775807');
    await superuser.query(ALICE);
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });
});
