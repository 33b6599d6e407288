import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ReadingDatabase } from '#libs/platform';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AuditUnavailable } from '../errors.js';
import { EntryFeed } from '../export/entry-feed.js';
import { EntryStatistics } from '../query/entry-statistics.js';
import { alice, issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { AuditOverview } from '../health/audit-overview.js';
import { LogTime } from '../log/log-time.js';
import { WitnessOverview } from '../health/witness-overview.js';
import { TestVerifier } from '../testing/test-verifier.js';
import type { AuditTrail } from '../trail/audit-trail.js';
import { checkOrReport } from './check-or-report.js';
import { type VerifiedPart, VerifiedParts } from './verified-part.js';

let database: TestDatabase;
let log: TestLog;
let verifier: TestVerifier;
let superuser: pg.Client;

const events = (count: number) => Array.from({ length: count }, (_, nth) => issued(nth));

beforeAll(async () => {
  database = await testDatabase();
  const past = await openTestLog(database.serviceUrl, {
    clock: new ManualClock(Date.now() - 3 * 3_600_000),
  });
  await past.trail.recordAll(events(600));
  await past.close();
  log = await openTestLog(database.serviceUrl);
  for (let nth = 0; nth < 7; nth += 1) await log.trail.recordAll(events(120));
  while (await log.get(EntryStatistics).rollUp());
  verifier = new TestVerifier(log);
  verifier.start();
  await verifier.stop();
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
});

afterAll(async () => {
  await superuser.end();
  await log.close();
  await database.close();
});

const flip = (column: string): string =>
  `${column} = set_byte(${column}, 7, get_byte(${column}, 7) # 1)`;
const same = (edit: string): readonly [string, string] => [edit, edit];

/** An edit, its reversal, and the kind of what must be found. */
const EDITS: Readonly<Record<string, readonly [kind: string, edit: string, undo: string]>> = {
  'a column of an entry': [
    'column-differs',
    `UPDATE audit_entry SET actor_subject = 'mallory' WHERE entry_index = 1234`,
    `UPDATE audit_entry SET actor_subject = '${alice.subject}' WHERE entry_index = 1234`,
  ],
  'the bytes of an entry': [
    'entry-differs',
    ...same(`UPDATE audit_entry SET ${flip('leaf')} WHERE entry_index = 17`),
  ],
  'a personal value': [
    'personal-differs',
    `UPDATE audit_personal SET display_name = display_name || 'x' WHERE entry_index = 500`,
    `UPDATE audit_personal SET display_name = rtrim(display_name, 'x') WHERE entry_index = 500`,
  ],
  'the signature of a checkpoint': [
    'head-differs',
    `UPDATE audit_head SET checkpoint = 'x' || checkpoint WHERE size = 720`,
    `UPDATE audit_head SET checkpoint = substr(checkpoint, 2) WHERE size = 720`,
  ],
  'a hash of a full tile': [
    'tile-differs',
    ...same(`UPDATE audit_tile SET ${flip('hashes')} WHERE level = 0 AND tile_index = 2`),
  ],
  'the root of a full tile': [
    'tile-differs',
    ...same(`UPDATE audit_tile SET ${flip('root')} WHERE level = 0 AND tile_index = 1`),
  ],
  'a leaf hash of a head': [
    'head-differs',
    ...same(`UPDATE audit_head SET ${flip('leaf_hashes')} WHERE size = 840`),
  ],
  'a fingerprint key': [
    'fingerprint-key-differs',
    'UPDATE audit_fingerprint_key SET first_index = first_index + 3',
    'UPDATE audit_fingerprint_key SET first_index = first_index - 3',
  ],
  'a count of a past hour': [
    'statistic-differs',
    `UPDATE audit_statistic SET entries = entries + 1 WHERE dimension = 'action'`,
    `UPDATE audit_statistic SET entries = entries - 1 WHERE dimension = 'action'`,
  ],
  'a range of counted hours': [
    'statistic-differs',
    `UPDATE audit_statistic_run SET start_at = start_at + interval '1 hour'`,
    `UPDATE audit_statistic_run SET start_at = start_at - interval '1 hour'`,
  ],
  'a range of counted hours, by a day before the first entry': [
    'statistic-differs',
    `UPDATE audit_statistic_run SET start_at = start_at - interval '1 day'`,
    `UPDATE audit_statistic_run SET start_at = start_at + interval '1 day'`,
  ],
  'a range of counted hours, by a microsecond': [
    'statistic-differs',
    `UPDATE audit_statistic_run SET end_at = end_at + interval '1 us'`,
    `UPDATE audit_statistic_run SET end_at = end_at - interval '1 us'`,
  ],
  'a row behind the end of the log': [
    'entry-added',
    `CREATE TEMP TABLE copied AS SELECT * FROM audit_entry WHERE entry_index = 3;
     UPDATE copied SET entry_index = 1000000, recorded_at = now() + interval '1 minute';
     INSERT INTO audit_entry SELECT * FROM copied`,
    `DELETE FROM audit_entry WHERE entry_index = 1000000; DROP TABLE copied`,
  ],
  'the only row of the keys that sign': [
    'signing-key-differs',
    `CREATE TEMP TABLE held AS SELECT * FROM audit_signing_keys; DELETE FROM audit_signing_keys`,
    'INSERT INTO audit_signing_keys SELECT * FROM held ON CONFLICT DO NOTHING; DROP TABLE held',
  ],
};

/** A log that can't be appended to. */
const NO_TRAIL = {
  recordAll: async () => Promise.reject(new AuditUnavailable()),
} as unknown as AuditTrail; // the member that the verifier calls

/** How far the pass of each part is. */
const places = async () =>
  log.database.query(
    'SELECT part, progress, pass_started_at FROM audit_verification ORDER BY part',
  );

describe('the background verifier', () => {
  it('finds nothing in an intact log, also while it grows', async () => {
    await verifier.pass();
    const growing = log.trail.recordAll(events(40));
    await verifier.pass();
    await growing;
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
    expect(await verifier.readiness.ask()).toEqual({ verification: { isReady: true } });
    expect(await verifier.registry.metrics()).toContain(
      'audit_verification_findings{part="log"} 0',
    );
  });

  it.each(Object.entries(EDITS))(
    'finds an edit of %s within one pass while entries are appended',
    async (_, [kind, edit, undo]) => {
      await superuser.query(edit);
      const appending = log.trail.recordAll(events(8));
      await verifier.pass();
      await appending;
      expect((await verifier.findings()).map((one) => one.kind)).toContain(kind);
      await superuser.query(undo);
    },
  );

  it('says once what it found, is degraded meanwhile, and forgets what is whole again', async () => {
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
    const lines = (): number =>
      log.logger.lines.filter(({ message }) => message === 'damage found').length;
    const before = lines();
    const [, edit, undo] = EDITS['a column of an entry'] ?? [];
    await superuser.query(edit ?? '');
    await verifier.pass();
    const found = await verifier.findings();
    expect(lines()).toBe(before + found.length);
    await verifier.pass();
    expect(lines()).toBe(before + found.length);
    const { verification } = await verifier.readiness.ask();
    expect(verification).toMatchObject({
      isReady: true,
      degradation: expect.stringMatching(/^findings: \d+; the first is /) as string,
    });
    await superuser.query(undo ?? '');
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
    expect(await verifier.readiness.ask()).toEqual({ verification: { isReady: true } });
  });

  it.each(['a column of an entry', 'a count of a past hour'])(
    'checks again what it found, long before the next pass: %s',
    async (name) => {
      const [, edit, undo] = EDITS[name] ?? [];
      await verifier.pass();
      await superuser.query(edit ?? '');
      await verifier.pass();
      expect(await verifier.findings()).not.toEqual([]);
      await superuser.query(undo ?? '');
      const before = await places();
      await vi.waitFor(async () => {
        await new TestVerifier(log).run();
        expect(await verifier.findings()).toEqual([]);
      }, 10_000);
      expect(await places()).toEqual(before);
    },
  );

  it('finds an edit behind a thousand others of another kind', async () => {
    await verifier.pass();
    await superuser.query(`UPDATE audit_entry SET actor_subject = actor_subject || 'x'`);
    await superuser.query(
      `UPDATE audit_personal SET display_name = display_name || 'x' WHERE entry_index = 700`,
    );
    await verifier.pass();
    expect((await verifier.findings()).map((one) => one.detail)).toContain(
      'entry 700: actorDisplayName',
    );
    await superuser.query(`UPDATE audit_entry SET actor_subject = rtrim(actor_subject, 'x')`);
    await superuser.query(`UPDATE audit_personal SET display_name = rtrim(display_name, 'x')`);
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('shows auditors how far it is, what it found, and which months are stored', async () => {
    const witnesses = { read: async () => Promise.resolve(undefined) };
    const overview = new AuditOverview(
      log.get(ReadingDatabase),
      log.reader,
      log.get(VerifiedParts),
      witnesses as unknown as WitnessOverview, // the member that it reads
      log.get(LogTime),
      { ...log.settings, verificationMs: 3_600_000 },
    );
    log
      .get(VerifiedParts)
      .add({ name: 'log', check: async () => Promise.reject(new Error('unused')) });
    await verifier.pass();
    await verifier.run();
    const whole = await overview.read();
    const size = (await log.reader.checkpoint()).size;
    expect(whole).toMatchObject({ log: { size, oldest: { index: 0 } }, concerns: [] });
    expect(whole.log.months.at(-1)).toBe(new Date().toISOString().slice(0, 7));
    expect(whole.verification[0]).toMatchObject({ isLate: false, verifiedEntries: size });
    const [, edit, undo] = EDITS['a column of an entry'] ?? [];
    await superuser.query(edit ?? '');
    await verifier.pass();
    expect((await overview.read()).concerns).toEqual([
      expect.stringMatching(/^findings in the part log: \d+; the first: entry 1234: /),
    ]);
    await superuser.query(undo ?? '');
    await superuser.query(
      `UPDATE audit_verification SET pass_started_at = now() - interval '2 days' WHERE part = 'log'`,
    );
    expect((await overview.read()).concerns).toContain('the checks of the part log are late');
    await verifier.pass();
    expect((await overview.read()).concerns).toEqual([]);
  });

  it('checks new entries at once, long before the next pass', async () => {
    await verifier.pass();
    await verifier.run();
    const { index } = await log.trail.record(issued(1));
    const set = (outcome: string): string =>
      `UPDATE audit_entry SET outcome = '${outcome}' WHERE entry_index = ${index}`;
    await superuser.query(set('failure'));
    await verifier.run();
    expect(await verifier.findings()).toMatchObject([
      { part: 'log', kind: 'column-differs', detail: `entry ${index}: outcome` },
    ]);
    await superuser.query(set('success'));
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('leaves the work to the replica that is at it, and continues where another has ended', async () => {
    const positions = async () =>
      superuser
        .query('SELECT part, position, progress, pass_started_at FROM audit_verification')
        .then(
          ({ rows }) => rows as { part: string; position: { next: number } }[], // the columns above
        );
    const other = new TestVerifier(log);
    await superuser.query('SELECT pg_advisory_lock(4711202600000002)');
    await superuser.query(
      `UPDATE audit_verification SET pass_started_at = now() - interval '1 day'`,
    );
    const before = await positions();
    await other.run();
    expect(await positions()).toEqual(before);
    await superuser.query('SELECT pg_advisory_unlock(4711202600000002)');

    await superuser.query(
      `UPDATE audit_verification SET position = jsonb_build_object('next', 0, 'verified', 720),
         progress = 0.01, pass_started_at = now() - interval '10 minutes' WHERE part = 'log'`,
    );
    await other.run();
    const log1 = (await positions()).find(({ part }) => part === 'log');
    expect(log1?.position.next).toBe(960);
    expect(await other.findings()).toEqual([]);
  });

  it('records each finding once in the log, whichever replica finds it and however often', async () => {
    await verifier.pass();
    const from = (await log.reader.checkpoint()).size;
    const recorded = async () => {
      const { entries } = await log.get(EntryFeed).read(from, 1_000);
      return entries.flatMap(({ entry }) => (entry.action === 'audit.damage' ? entry : []));
    };
    const [, edit, undo] = EDITS['a personal value'] ?? [];
    await superuser.query(edit ?? '');
    await new TestVerifier(log, [], 3_600_000, NO_TRAIL).pass();
    const other = new TestVerifier(log);
    await Promise.all([verifier.run(), other.run()]);
    await other.pass();
    await new TestVerifier(log).pass();
    expect(await recorded()).toMatchObject([
      {
        outcome: 'failure',
        actor: { kind: 'system', name: 'audit-verification' },
        reason: { code: 'damage-found', detail: 'entry 500: actorDisplayName' },
        details: { part: 'log', kind: 'personal-differs' },
      },
    ]);
    // Mended and edited again, it is another finding.
    await superuser.query(undo ?? '');
    await verifier.pass();
    await superuser.query(edit ?? '');
    await verifier.pass();
    expect(await recorded()).toHaveLength(2);
    await superuser.query(undo ?? '');
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('records a check that failed when it fails again, and forgets it when it does not', async () => {
    let failures = 1;
    const unsteady: VerifiedPart = {
      name: 'unsteady',
      check: async (transaction) => ({
        ...{ position: {}, progress: 1, isComplete: true, isChecked: () => true },
        found: await checkOrReport(transaction, { place: '0', what: 'the slice' }, async (inner) =>
          (failures -= 1) < 0 ? [] : inner.query('SELECT 1 / 0'),
        ),
      }),
    };
    const from = (await log.reader.checkpoint()).size;
    const recorded = async (): Promise<(string | undefined)[]> => {
      const { entries } = await log.get(EntryFeed).read(from, 1_000);
      return entries.map(({ entry }) => entry.reason?.detail);
    };
    const other = new TestVerifier(log, [unsteady]);
    await other.run();
    expect(await other.findings()).toMatchObject([{ part: 'unsteady', kind: 'check-failed' }]);
    await other.run();
    expect(await other.findings()).toEqual([]);
    expect(await recorded()).toEqual([]);

    failures = 2;
    await superuser.query(
      `UPDATE audit_verification SET pass_started_at = now() WHERE part = 'unsteady'`,
    );
    await other.run();
    expect(await recorded()).toEqual([]);
    await other.run();
    expect(await recorded()).toEqual(["the slice can't be checked (QueryFailedError)"]);
    await new TestVerifier(log, [unsteady]).run();
    expect(await other.findings()).toEqual([]);
  });

  it('forgets that a repeated check failed when a pass finds that nothing is left to repeat', async () => {
    let check: 'finds' | 'fails' | 'finds nothing' = 'finds nothing';
    const repaired: VerifiedPart = {
      name: 'repaired',
      check: async () => {
        if (check === 'fails') return Promise.reject(new Error('unavailable'));
        const found = check === 'finds' ? [{ place: '0', kind: 'row-differs', detail: '0' }] : [];
        return { position: {}, progress: 1, isComplete: true, isChecked: () => true, found };
      },
    };
    const other = new TestVerifier(log, [repaired]);
    other.start();
    await other.stop();
    const degradation = async (): Promise<string> =>
      JSON.stringify((await other.readiness.ask()).verification);
    const passIsDue = async () =>
      superuser.query(
        `UPDATE audit_verification SET pass_started_at = now() WHERE part = 'repaired'`,
      );
    await passIsDue();
    check = 'finds';
    await other.run();
    check = 'fails';
    await other.run();
    expect(await degradation()).toContain('not checked: repaired again (unavailable)');
    check = 'finds nothing';
    await passIsDue();
    await other.run();
    expect(await other.findings()).toEqual([]);
    expect(await degradation()).toBe('{"isReady":true}');
  });

  it('continues to check while nothing can be recorded', async () => {
    await verifier.pass();
    const other = new TestVerifier(log, [], 3_600_000, NO_TRAIL);
    for (const name of ['a personal value', 'a hash of a full tile']) {
      const [kind, edit] = EDITS[name] ?? [];
      await superuser.query(edit ?? '');
      await other.pass();
      expect((await other.findings()).map((one) => one.kind)).toContain(kind);
    }
    await superuser.query(EDITS['a personal value']?.[2] ?? '');
    await superuser.query(EDITS['a hash of a full tile']?.[2] ?? '');
    await other.pass();
    expect(await other.findings()).toEqual([]);
  });

  it('leaves the next check to the next run where another replica has just changed the findings', async () => {
    await superuser.query('BEGIN');
    await superuser.query('UPDATE audit_verification SET progress = progress');
    const running = verifier.run();
    await vi.waitFor(async () => {
      const waiting = await log.database.query('SELECT FROM pg_locks WHERE NOT granted');
      expect(waiting).toHaveLength(1);
    }, 10_000);
    await superuser.query('COMMIT');
    await running;
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('begins a pass at once where the one that is planned is later than a shorter bound allows', async () => {
    await verifier.pass();
    // As a complete pass leaves it at the bound of a day.
    await superuser.query(
      `UPDATE audit_verification SET position = position || '{"next": 0}', progress = 0,
         pass_started_at = now() + interval '18 hours'`,
    );
    const [, edit, undo] = EDITS['the bytes of an entry'] ?? [];
    await superuser.query(edit ?? '');
    const other = new TestVerifier(log, [], 10_000);
    await other.run();
    expect((await other.findings()).map((one) => one.kind)).toContain('entry-differs');
    await superuser.query(undo ?? '');
    await verifier.pass();
    expect(await verifier.findings()).toEqual([]);
  });

  it('says when it is late', async () => {
    await verifier.run();
    await superuser.query('SELECT pg_advisory_lock(4711202600000002)');
    await superuser.query(
      `UPDATE audit_verification SET pass_started_at = now() - interval '2 days'`,
    );
    await verifier.run();
    expect(await verifier.readiness.ask()).toEqual({
      verification: { isReady: true, degradation: 'the checks are late: log, statistics' },
    });
    await superuser.query('SELECT pg_advisory_unlock(4711202600000002)');
  });
});
