import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { canonicalName, dataSourceOptions, ReadingDatabase, SystemClock } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { PostgresIdentityMap } from './postgres-identity-map.js';

const EXECUTIONS = 20;
/** PostgreSQL plans the first executions of any statement before it compares. */
const PLANNED_AT_FIRST = 5;

let place: TestDatabase;
let source: DataSource;

beforeAll(async () => {
  place = await testDatabase();
  source = new DataSource(
    dataSourceOptions({ url: place.serviceUrl, poolSize: 1, timeoutMs: 3_000 }),
  );
});

afterAll(async () => {
  await source.destroy();
  await place.drop();
});

it.each(['mapping_find', 'mapping_claim'])('plans %s only a few times', async (name) => {
  const database = new ReadingDatabase(source);
  const map = new PostgresIdentityMap(database, database, new SystemClock());
  for (let nth = 0; nth < EXECUTIONS; nth += 1) {
    const identity = {
      tenant: canonicalName('contoso'),
      subject: canonicalName(`person-${nth}`),
      kind: 'user' as const,
    };
    await map.claim(identity, 'resource', { holder: randomUUID(), durationMs: 10_000, endsAt: 0 });
    await map.find(identity, 'resource');
  }
  const [plans] = await database.query<{ custom: string; generic: string }>(
    `SELECT custom_plans AS custom, generic_plans AS generic
     FROM pg_prepared_statements WHERE name = $1`,
    [name],
  );
  expect(Number(plans?.custom)).toBeLessThanOrEqual(PLANNED_AT_FIRST);
  expect(Number(plans?.generic)).toBeGreaterThanOrEqual(EXECUTIONS - PLANNED_AT_FIRST);
});
