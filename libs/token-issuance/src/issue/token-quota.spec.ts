import { DataSource } from 'typeorm';
import { afterAll } from 'vitest';
import { Database, dataSourceOptions, ManualClock } from '#libs/platform';
import { testDatabase } from '#libs/platform/testing';
import { PostgresTokenQuota } from './token-quota.js';
import { MemoryTokenQuota } from '../testing/memory-token-quota.js';
import { tokenQuotaContract } from '../testing/token-quota.contract.js';

const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

tokenQuotaContract('MemoryTokenQuota', async () => {
  const clock = new ManualClock();
  return Promise.resolve({
    quota: new MemoryTokenQuota(clock),
    passed: async (minutes) => clock.advance(minutes * 60_000),
  });
});

tokenQuotaContract('PostgresTokenQuota', async () => {
  const place = await testDatabase();
  const source = new DataSource(
    dataSourceOptions({ url: place.serviceUrl, poolSize: 5, timeoutMs: 3_000 }),
  );
  closers.push(place.drop, async () => source.destroy());
  const database = new Database(source);
  return {
    quota: new PostgresTokenQuota(database),
    // The database's clock can't be set: what was issued is moved into the past instead.
    passed: async (minutes) => {
      await database.query(
        `UPDATE token_quota SET issued_at = ARRAY(
           SELECT at - $1 * interval '1 minute' FROM unnest(issued_at) AS at ORDER BY at)`,
        [minutes],
      );
    },
  };
});
