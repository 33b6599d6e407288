import { Client } from 'pg';
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
  const superuser = new Client({ connectionString: place.superuserUrl });
  await superuser.connect();
  closers.push(
    place.close,
    log.close,
    async () => source.destroy(),
    async () => superuser.end(),
  );
  const database = new ReadingDatabase(source); // one pool does for both
  const open = (): PostgresIdentityMap =>
    new PostgresIdentityMap(database, database, new SystemClock());
  return {
    map: open(),
    otherMap: open(),
    addAdditional: async ({ id, resource, tenant, subject, kind, status, communicationUserId }) => {
      await superuser.query(
        `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id, is_additional)
         VALUES ($1, $2, $3, $4, $5, $6, $7, true)`,
        [id, resource, tenant, subject, kind, status, communicationUserId],
      );
    },
    apply: async (change, event) => {
      if (event) await log.trail.record(event, change);
      else await database.transaction(async (tx) => applyWrite(tx, change));
    },
    outlive: async (durationMs) => {
      await database.query('SELECT pg_sleep($1)', [(durationMs + 5) / 1_000]);
    },
  };
});
