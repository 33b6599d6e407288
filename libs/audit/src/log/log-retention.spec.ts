import pg from 'pg';
import { beforeEach, afterEach, describe, expect, it } from 'vitest';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { RetentionNotOver } from '../errors.js';
import { EntryFeed } from '../export/entry-feed.js';
import { EntryStatistics } from '../query/entry-statistics.js';
import { StatisticsReader } from '../query/statistics-reader.js';
import { issued } from '../testing/sample-events.js';
import { EntryRepository } from '../query/entry-repository.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import { LogRetention } from './log-retention.js';

const operator = { kind: 'operator', name: 'test' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

let database: TestDatabase;
let log: TestLog;
beforeEach(async () => {
  database = await testDatabase();
  log = await openTestLog(database.ownerUrl);
});
afterEach(async () => {
  await log.close();
  await database.close();
});

/** Records entries as a process of that time did. */
async function recordedOn(time: string, count: number): Promise<void> {
  const past = await openTestLog(database.ownerUrl, {
    clock: new ManualClock(time),
    clockToleranceMs: Number.MAX_SAFE_INTEGER,
  });
  await past.trail.recordAll(Array.from({ length: count }, (_, nth) => issued(nth)));
  await past.close();
}

async function addPartition(parent: string, name: string, from: string, to: string): Promise<void> {
  await log.database.query(
    `CREATE TABLE ${parent}_${name} PARTITION OF ${parent} FOR VALUES FROM ('${from}Z') TO ('${to}Z')`,
  );
}

async function rows(table: string): Promise<number> {
  const [row] = await log.database.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  return Number(row?.count);
}

async function verified() {
  const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
  const { origin } = log.settings;
  return log.get(DatabaseVerifier).verify({ origin, verifiers, known: [] });
}

const retire = async (before: Date) => log.get(LogRetention).retire(before, operator);

describe('LogRetention', () => {
  it('refuses days in the future and drops nothing', async () => {
    await recordedOn('2020-01-15T00:00:00Z', 3);
    await log.trail.record(issued());
    for (const days of [1, 30, 365, 36_500]) {
      await expect(retire(new Date(Date.now() + days * DAY_MS))).rejects.toThrow(RetentionNotOver);
    }
    expect(await rows('audit_entry')).toBe(4);
  });

  it('never drops the running month, whatever the day, and keeps its own entry', async () => {
    await log.trail.recordAll([issued(), issued()]);
    expect(await retire(new Date())).toMatchObject({ partitions: [], receipt: undefined });
    await recordedOn('2020-01-15T00:00:00Z', 1);
    expect(await rows('audit_entry')).toBe(3);
    expect(await verified()).toMatchObject({ size: 3, faults: [] });
  });

  it('retires what the default partition holds of those months, with the values beside it', async () => {
    await recordedOn('2020-01-15T00:00:00Z', 300);
    await recordedOn('2020-03-15T00:00:00Z', 20);
    await log.trail.record(issued());
    expect(await rows('audit_entry_other')).toBe(320);
    expect(await retire(new Date('2020-02-20'))).toMatchObject({
      partitions: ['audit_entry_other'],
      firstIndex: 300,
    });
    expect(await rows('audit_entry')).toBe(22);
    expect(await rows('audit_entry_other')).toBe(20);
    expect(await rows('audit_personal_other')).toBe(20);
    expect(await verified()).toMatchObject({ size: 322, retiredBelow: 300, faults: [] });
    const page = await log.get(EntryFeed).read(298, 24);
    expect(page).toMatchObject({ retiredCount: 2, nextIndex: 322 });
    expect(page.entries.map(({ index }) => index)).toEqual(
      Array.from({ length: 22 }, (_, nth) => 300 + nth),
    );
    expect(page.entries.map(({ entry }) => entry.action)).not.toContain('x-audit.damaged');
    expect((await retire(new Date('2020-02-20'))).partitions).toEqual([]);
    await recordedOn('2020-03-20T00:00:00Z', 1);
    const change = log.database.query('DELETE FROM audit_entry_other');
    await expect(change).rejects.toThrow('audit rows are never changed');

    expect((await retire(new Date())).firstIndex).toBe(320);
    expect(await rows('audit_entry_other')).toBe(0);
    expect(await verified()).toMatchObject({ retiredBelow: 320, faults: [] });
  });

  it('leaves the same counts, by stored hours and by entries', async () => {
    for (const [time, count] of [
      ['2019-01-15T10:20:00Z', 5],
      ['2019-03-04T10:20:00Z', 3],
      ['2019-03-04T11:20:00Z', 2],
      ['2019-04-01T00:00:00Z', 1],
    ] as const)
      await recordedOn(time, count);
    while (await log.get(EntryStatistics).rollUp());
    const window = { from: new Date('2019-01-01T00:00:00Z'), to: new Date('2019-05-01T00:00:00Z') };
    const counted = async (query: object): Promise<number> => {
      const { counts } = await log.get(StatisticsReader).read({
        ...{ ...window, bucket: 'hour', dimensions: ['action'] },
        ...query,
      });
      return counts.reduce((sum, { entries }) => sum + entries, 0);
    };
    const ways = [
      {},
      { outcome: 'success' },
      { timeZone: 'Asia/Kolkata' },
      { dimensions: ['rule'] },
      { from: new Date('2019-02-28T23:10:00Z') },
    ];
    const before = await Promise.all(ways.map(counted));
    expect(before).toEqual([11, 11, 11, 11, 6]);
    await retire(new Date('2019-03-01T00:00:00Z'));
    expect(await Promise.all(ways.map(counted))).toEqual([6, 6, 6, 6, 6]);
    await retire(new Date('2019-06-01T00:00:00Z'));
    expect(await Promise.all(ways.map(counted))).toEqual([0, 0, 0, 0, 0]);
  });

  it('drops partitions of any name by their bounds, and none that also holds later entries', async () => {
    for (const parent of ['audit_entry', 'audit_personal']) {
      await addPartition(parent, 'year_2019', '2019-01-01', '2020-01-01');
      await addPartition(parent, '2020_01', '2020-01-01', '2020-02-01');
      await addPartition(parent, 'spring', '2020-02-01', '2020-05-01');
    }
    for (const day of ['2019-06-15', '2020-01-15', '2020-02-15', '2020-04-15']) {
      await recordedOn(`${day}T00:00:00Z`, 5);
    }
    await log.trail.record(issued());
    expect(await retire(new Date('2020-04-01'))).toMatchObject({ firstIndex: 10 });
    expect(await rows('audit_entry_spring')).toBe(10);
    expect(await rows('audit_entry')).toBe(12);
    expect(await verified()).toMatchObject({ size: 22, retiredBelow: 10, faults: [] });
  });

  it.each(['UTC', 'Asia/Tokyo', 'America/New_York'])(
    'takes months of UTC, to the millisecond, in a leap year too, in a database of %s',
    async (timeZone) => {
      const name = new URL(database.ownerUrl).pathname.slice(1);
      await log.database.query(`ALTER DATABASE "${name}" SET timezone TO '${timeZone}'`);
      await log.close();
      log = await openTestLog(database.ownerUrl);
      for (const parent of ['audit_entry', 'audit_personal']) {
        await addPartition(parent, '2020_01', '2020-01-01', '2020-02-01');
        await addPartition(parent, '2020_02', '2020-02-01', '2020-03-01');
      }
      const times = [
        '01-31T23:59:59.999Z',
        '02-01T00:00:00.000Z',
        '02-29T23:59:59.999Z',
        '03-01T00:00:00.000Z',
      ];
      for (const time of times) await recordedOn(`2020-${time}`, 1);
      await log.trail.record(issued());
      expect((await retire(new Date('2020-01-31T23:59:59.999Z'))).partitions).toEqual([]);
      expect(await retire(new Date('2020-02-01T00:00:00.000Z'))).toMatchObject({
        partitions: ['audit_entry_2020_01'],
        firstIndex: 1,
      });
      expect((await retire(new Date('2020-02-29T23:59:59.999Z'))).partitions).toEqual([]);
      expect(await retire(new Date('2020-03-01T00:00:00.000Z'))).toMatchObject({
        partitions: ['audit_entry_2020_02'],
        firstIndex: 3,
      });
      expect(await verified()).toMatchObject({ retiredBelow: 3, faults: [] });
    },
  );
});

describe('LogRetention beside a dump of the database', () => {
  let dump: pg.Client;
  let clock: ManualClock;
  let retention: LogRetention;
  const before = new Date('2020-03-01');

  beforeEach(async () => {
    for (const parent of ['audit_entry', 'audit_personal']) {
      await addPartition(parent, '2020_01', '2020-01-01', '2020-02-01');
    }
    await recordedOn('2020-01-15T00:00:00Z', 2);
    await recordedOn('2020-02-15T00:00:00Z', 2);
    clock = new ManualClock();
    retention = new LogRetention(log.trail, log.database, log.get(EntryRepository), clock);
    dump = new pg.Client({ connectionString: database.superuserUrl, application_name: 'dump' });
    await dump.connect();
    await dump.query('BEGIN');
    await dump.query('LOCK TABLE audit_entry, audit_personal IN ACCESS SHARE MODE');
  });
  afterEach(async () => dump.end());

  const hasTriedToLock = async (): Promise<boolean> => {
    const { rows } = await dump.query(
      `SELECT FROM pg_locks WHERE NOT granted AND relation = 'audit_entry'::regclass`,
    );
    return rows.length > 0 || clock.sleeping > 0;
  };

  it('keeps no append waiting, and drops the entries when the dump has ended', async () => {
    const retired = retention.retire(before, operator);
    await expect.poll(hasTriedToLock).toBe(true);
    await log.trail.record(issued());
    await expect.poll(() => clock.sleeping).toBe(1);
    await dump.query('COMMIT');
    await clock.advance(1_000);
    const partitions = ['audit_entry_2020_01', 'audit_entry_other'];
    expect(await retired).toMatchObject({ partitions, firstIndex: 4 });
    expect(await verified()).toMatchObject({ size: 6, retiredBelow: 4, faults: [] });
  });

  it('gives up after a minute, names who has the tables, records nothing, and can be repeated', async () => {
    const refused = expect(retention.retire(before, operator)).rejects.toThrow(
      /pid \d+ \(.*, dump\)/,
    );
    await expect.poll(() => clock.sleeping).toBe(1);
    await clock.advance(60_000);
    await refused;
    expect(await verified()).toMatchObject({ size: 4, faults: [] });
    await dump.query('COMMIT');
    await retention.retire(before, operator);
    expect(await verified()).toMatchObject({ size: 5, retiredBelow: 4, faults: [] });
  });
});
