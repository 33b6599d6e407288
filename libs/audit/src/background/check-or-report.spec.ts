import { QueryFailedError } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseUnavailable } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { checkOrReport } from './check-or-report.js';

let database: TestDatabase;
let log: TestLog;

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
});

afterAll(async () => {
  await log.close();
  await database.close();
});

const SLICE = { place: '7', what: 'the slice of entries 7 to 8' };

describe('checkOrReport', () => {
  it('reports data on which a check fails, and leaves the transaction usable', async () => {
    await log.database.transaction(async (transaction) => {
      const ofSql = await checkOrReport(transaction, SLICE, async (inner) =>
        inner.query(`SELECT convert_from('\\x00', 'UTF8')`),
      );
      expect(ofSql).toMatchObject([{ place: '7', kind: 'check-failed' }]);
      const ofCode = await checkOrReport(transaction, SLICE, async () =>
        Promise.reject(new TypeError('time.getTime is not a function')),
      );
      expect(ofCode).toEqual([
        {
          place: '7',
          kind: 'check-failed',
          detail: "the slice of entries 7 to 8 can't be checked (TypeError)",
        },
      ]);
      expect(await transaction.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  it.each([
    ['that it does not accept', 'SELECT 1 WHERE 1'],
    [
      'whose answer can not be read',
      `SELECT now() AS at FROM (SELECT set_config('DateStyle', 'German', true)) AS set_before`,
    ],
  ])('reports no damage for a query of the server %s', async (_what, sql) => {
    await log.database.transaction(async (transaction) => {
      const checked = checkOrReport(transaction, SLICE, async (inner) => inner.query(sql));
      await expect(checked).rejects.toThrow(QueryFailedError);
    });
  });

  it('reports no outage', async () => {
    await log.database.transaction(async (transaction) => {
      const checked = checkOrReport(transaction, SLICE, async () =>
        Promise.reject(new DatabaseUnavailable()),
      );
      await expect(checked).rejects.toThrow(DatabaseUnavailable);
    });
  });
});
