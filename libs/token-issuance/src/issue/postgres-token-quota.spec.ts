import { DataSource } from 'typeorm';
import { afterAll } from 'vitest';
import { Database, dataSourceOptions } from '#libs/platform';
import { testDatabase } from '#libs/platform/testing';
import { PostgresTokenQuota } from './postgres-token-quota.js';
import { describeTokenQuota } from '../testing/token-quota.contract.js';

const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

describeTokenQuota('PostgresTokenQuota', async () => {
  const test = await testDatabase();
  const source = new DataSource(
    dataSourceOptions({ url: test.serviceUrl, poolSize: 5, timeoutMs: 3_000 }),
  );
  closers.push(test.close, async () => source.destroy());
  const database = new Database(source);
  return {
    quota: new PostgresTokenQuota(database),
    // The database's clock can't be set, so the issued tokens are moved into the past.
    passed: async (minutes) => {
      await database.query(
        `UPDATE token_quota SET issued_at = ARRAY(
           SELECT at - $1 * interval '1 minute' FROM unnest(issued_at) AS at ORDER BY at)`,
        [minutes],
      );
    },
  };
});
