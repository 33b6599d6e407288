import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AuditUnavailable } from '../errors.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog } from '../testing/test-log.js';

describe('a newest head whose time was edited', () => {
  let database: TestDatabase;
  let superuser: pg.Client;

  beforeAll(async () => {
    database = await testDatabase();
    superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query('SET session_replication_role = replica');
  });
  afterAll(async () => {
    await superuser.end();
    await database.close();
  });

  it.each([
    ['infinity', `'infinity'`],
    ['-infinity', `'-infinity'`],
    ['one with microseconds', `recorded_at + interval '3 microseconds'`],
    ['one that no entry can have', `'12000-01-01'`],
  ])(
    'to %s is named by each process that has to continue it, which records again when it is mended',
    async (_time, value) => {
      const seen = await openTestLog(database.serviceUrl);
      await seen.trail.record(issued());
      const other = await openTestLog(database.serviceUrl);
      const { index } = await other.trail.record(issued());
      const fresh = await openTestLog(database.serviceUrl);
      const size = index + 1;
      const [head] = (
        await superuser.query<{ at: string }>(
          'SELECT recorded_at::text AS at FROM audit_head WHERE size = $1',
          [size],
        )
      ).rows;
      await superuser.query(`UPDATE audit_head SET recorded_at = ${value} WHERE size = $1`, [size]);

      for (const log of [seen, fresh]) {
        await expect(log.trail.record(issued())).rejects.toThrow(AuditUnavailable);
        await expect(log.trail.record(issued(), async () => Promise.resolve())).rejects.toThrow(
          AuditUnavailable,
        );
        const reason = `the row of audit_head with size ${size} has a time that no entry has`;
        expect(await log.readiness.ask()).toMatchObject({
          audit: { isReady: false, reason: expect.stringContaining(reason) as string },
        });
      }

      await superuser.query('UPDATE audit_head SET recorded_at = $2 WHERE size = $1', [
        size,
        head?.at,
      ]);
      for (const log of [seen, fresh]) {
        await log.trail.record(issued());
        expect((await log.readiness.ask()).audit).toEqual({ isReady: true });
      }
      await Promise.all([seen, other, fresh].map(async (log) => log.close()));
    },
  );
});
