import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, dataSourceOptions, ReadingDatabase } from '#libs/platform';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { denied, issued } from '../testing/sample-events.js';
import { EntryStatistics } from './entry-statistics.js';

describe('EntryStatistics', () => {
  let database: TestDatabase;
  let log: TestLog;
  let statistics: EntryStatistics;
  const start = Date.parse('2026-03-01T10:20:00Z');
  const times: number[] = [];

  beforeAll(async () => {
    database = await testDatabase();
    const clock = new ManualClock(start);
    log = await openTestLog(database.serviceUrl, { clock });
    statistics = log.get(EntryStatistics);
    for (let nth = 0; nth < 40; nth += 1) {
      times.push(clock.now());
      await log.trail.record(nth % 4 === 0 ? denied() : issued(nth));
      await clock.advance(50 * 60_000);
    }
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  const hours = (count: number): Date => new Date(start + count * 3_600_000);
  const total = async (from: Date, to: Date): Promise<number> => {
    const counts = await statistics.count({ from, to, bucket: 'day', dimension: 'outcome' });
    return counts.reduce((sum, { entries }) => sum + entries, 0);
  };
  const windows = [
    [new Date(0), hours(100)],
    [hours(0), hours(7)],
    [hours(3.4), hours(3.5)],
    [hours(5.1), hours(30.7)],
    [hours(-50), hours(12.2)],
    [hours(31), hours(90)],
  ] as const;
  const within = ([from, to]: (typeof windows)[number]): number =>
    times.filter((time) => from.getTime() <= time && time < to.getTime()).length;

  it('counts by bucket and value', async () => {
    const query = {
      from: new Date(0),
      to: hours(100),
      bucket: 'month',
      dimension: 'outcome',
    } as const;
    expect(await statistics.count(query)).toEqual([
      { bucketStart: new Date('2026-03-01T00:00:00Z'), value: 'success', entries: 30 },
      { bucketStart: new Date('2026-03-01T00:00:00Z'), value: 'denied', entries: 10 },
    ]);
  });

  it('omits the value of entries without one', async () => {
    const query = {
      from: new Date(0),
      to: hours(100),
      bucket: 'week',
      dimension: 'reasonCode',
    } as const;
    const values = (await statistics.count(query)).map(({ value }) => value);
    expect(new Set(values)).toEqual(new Set([undefined, 'insufficient-permission']));
  });

  it('gives the same counts for half-open windows before and after a roll-up', async () => {
    for (const window of windows) expect(await total(...window)).toBe(within(window));
    while (await statistics.rollUp());
    const [run] = await log.database.query<{ hours: string }>(
      'SELECT count(DISTINCT hour) AS hours FROM audit_statistic',
    );
    expect(Number(run?.hours)).toBeGreaterThan(20);
    for (const window of windows) expect(await total(...window)).toBe(within(window));
  });

  it('counts each hour once when several processes roll up at the same time', async () => {
    await log.trail.record(issued(1));
    await Promise.all([statistics.rollUp(), statistics.rollUp(), statistics.rollUp()]);
    expect(await total(new Date(0), hours(100))).toBe(41);
  });
});

describe('EntryStatistics with 100,000 entries in a few hours', () => {
  it('counts them in batches that use an index', async () => {
    const database = await testDatabase();
    const clock = new ManualClock(Date.parse('2026-03-01T15:00:00Z'));
    const log = await openTestLog(database.serviceUrl, { clock });
    const owner = new DataSource(
      dataSourceOptions({ url: database.superuserUrl, poolSize: 1, timeoutMs: 240_000 }),
    );
    await owner.initialize();
    try {
      await log.trail.record(issued(1));
      // Three quarters of them in one hour, and whole batches at the same time.
      await owner.query(
        `INSERT INTO audit_entry (entry_index, recorded_at, id, action, outcome, actor_kind, leaf,
           facet, search_ids)
         SELECT 1000 + n, timestamptz '2026-03-01T10:00:00Z' + (n / 1000) * interval '48 s',
                gen_random_uuid(), 'token.issue', CASE WHEN n % 4 = 0 THEN 'denied' ELSE 'success' END,
                'user', '\\x00', '', ''
         FROM generate_series(0, 99999) AS n`,
      );
      await owner.query('ANALYZE audit_entry');
      const statements = statementsOf(log.get(ReadingDatabase));
      while (await log.get(EntryStatistics).rollUp());
      expect(statements.length).toBeGreaterThan(8);
      const counting = statements.find(({ sql }) => sql.includes('WITH chunk'));
      const plan = await owner.query<unknown>(`EXPLAIN ${counting?.sql}`, [
        ...(counting?.parameters ?? []),
      ]);
      expect(JSON.stringify(plan)).not.toContain('Seq Scan on audit_entry');
      const rows = await owner.query<unknown>(
        `SELECT value, sum(entries)::int AS entries FROM audit_statistic
         WHERE dimension = 'outcome' GROUP BY 1 ORDER BY 1`,
      );
      expect(rows).toEqual([
        { value: 'denied', entries: 25_000 },
        { value: 'success', entries: 75_000 },
      ]);
    } finally {
      await owner.destroy();
      await log.close();
      await database.close();
    }
  }, 300_000);
});

/** Records the statements outside transactions. */
function statementsOf(database: Database): { sql: string; parameters: readonly unknown[] }[] {
  const statements: { sql: string; parameters: readonly unknown[] }[] = [];
  const query = database.query.bind(database);
  vi.spyOn(database, 'query').mockImplementation(async (sql, parameters = []) => {
    const rows = await query(sql, parameters);
    statements.push({ sql, parameters });
    return rows;
  });
  return statements;
}
