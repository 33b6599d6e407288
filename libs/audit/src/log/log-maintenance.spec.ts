import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Database, Sweeps, type Transaction } from '#libs/platform';
import { ManualClock, MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import type { EntryStatistics } from '../query/entry-statistics.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { LogMaintenance } from './log-maintenance.js';

const INTERVAL_MS = 10 * 60_000;

describe('LogMaintenance', () => {
  it.each(['query', 'rollUp'] as const)(
    'does every job in every interval although %s fails each time',
    async (failing) => {
      const clock = new ManualClock();
      const jobs = { query: vi.fn(), rollUp: vi.fn() };
      jobs.query.mockResolvedValue([]);
      jobs.rollUp.mockResolvedValue(false);
      jobs[failing].mockRejectedValue(new Error('canceling statement due to statement timeout'));
      const sweeps = new Sweeps(clock, new MemoryLogger());
      const maintenance = new LogMaintenance(
        {
          transaction: async (work: (transaction: Transaction) => Promise<void>) =>
            work({ query: jobs.query } as unknown as Transaction), // all that it uses
        } as unknown as Database, // all that it uses
        { rollUp: jobs.rollUp } as unknown as EntryStatistics, // all that it uses
        sweeps,
        clock,
      );
      maintenance.onApplicationBootstrap();
      for (let run = 0; run < 3; run += 1) await clock.advance(INTERVAL_MS);
      await sweeps.onModuleDestroy();
      expect(jobs.query.mock.calls.length).toBeGreaterThanOrEqual(3);
      expect(jobs.rollUp.mock.calls.length).toBeGreaterThanOrEqual(3);
    },
  );
});

describe('LogMaintenance beside a dump of the database', () => {
  let database: TestDatabase;
  let log: TestLog;
  let dump: pg.Client;
  let clock: ManualClock;
  let sweeps: Sweeps;

  beforeEach(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    dump = new pg.Client({ connectionString: database.superuserUrl });
    await dump.connect();
    clock = new ManualClock();
    sweeps = new Sweeps(clock, log.logger);
    sweeps.leaveToCaller();
    const statistics = { rollUp: async () => Promise.resolve(false) };
    new LogMaintenance(
      log.database,
      statistics as unknown as EntryStatistics, // all that it uses
      sweeps,
      clock,
    ).onApplicationBootstrap();
  });
  afterEach(async () => {
    await dump.end();
    await sweeps.onModuleDestroy();
    await log.close();
    await database.close();
  });

  async function partitions(): Promise<string[]> {
    const { rows } = await dump.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits
       WHERE inhparent IN ('audit_entry'::regclass, 'audit_personal'::regclass) ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** As on the first day of a month, when a dump has begun. */
  async function beginDump(): Promise<string[]> {
    const all = await partitions();
    const [last] = all.filter((name) => /^audit_entry_\d/.test(name)).slice(-1);
    await dump.query(`DROP TABLE ${last}, ${last?.replace('entry', 'personal')}`);
    await dump.query('BEGIN');
    await dump.query('LOCK TABLE audit_entry, audit_personal IN ACCESS SHARE MODE');
    return all;
  }

  const hasTriedToLock = async (): Promise<boolean> => {
    const { rows } = await dump.query(
      `SELECT FROM pg_locks WHERE NOT granted AND relation = 'audit_entry'::regclass`,
    );
    return rows.length > 0 || clock.sleeping > 0;
  };

  it('keeps no append waiting, and creates the partitions when the dump has ended', async () => {
    const all = await beginDump();
    const run = sweeps.runAll(new AbortController().signal);
    await expect.poll(hasTriedToLock).toBe(true);
    await log.trail.record(issued());
    await expect.poll(() => clock.sleeping).toBe(1);
    await dump.query('COMMIT');
    await clock.advance(1_000);
    expect(await run).toEqual([]);
    expect(await partitions()).toEqual(all);
  });

  it('leaves the partitions to a later run when the dump takes longer', async () => {
    const all = await beginDump();
    const run = sweeps.runAll(new AbortController().signal);
    await expect.poll(() => clock.sleeping).toBe(1);
    await clock.advance(INTERVAL_MS);
    expect(await run).toEqual(['audit maintenance']);
    await dump.query('COMMIT');
    expect(await sweeps.runAll(new AbortController().signal)).toEqual([]);
    expect(await partitions()).toEqual(all);
  });
});
