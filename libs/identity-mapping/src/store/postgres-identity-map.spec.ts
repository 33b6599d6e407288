import { DataSource } from 'typeorm';
import { afterAll } from 'vitest';
import { applyWrite } from '#libs/audit';
import { openTestLog } from '#libs/audit/testing';
import { ReadingDatabase, dataSourceOptions, SystemClock } from '#libs/platform';
import { testDatabase } from '#libs/platform/testing';
import { describeIdentityMap } from '../testing/identity-map.contract.js';
import { PostgresIdentityMap } from './postgres-identity-map.js';

const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

describeIdentityMap('PostgresIdentityMap', async () => {
  const place = await testDatabase();
  const source = new DataSource(
    dataSourceOptions({ url: place.serviceUrl, poolSize: 10, timeoutMs: 3_000 }),
  );
  const log = await openTestLog(place.serviceUrl);
  closers.push(place.close, log.close, async () => source.destroy());
  const database = new ReadingDatabase(source); // one pool does for both
  return {
    map: new PostgresIdentityMap(database, database, new SystemClock()),
    apply: async (change, event) => {
      if (event) await log.trail.record(event, change);
      else await database.transaction(async (tx) => applyWrite(tx, change));
    },
    outlive: async (durationMs) => {
      await database.query('SELECT pg_sleep($1)', [(durationMs + 5) / 1_000]);
    },
  };
});
