import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { canonicalName, dataSourceOptions, ReadingDatabase, SystemClock } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { PostgresIdentityMap } from './postgres-identity-map.js';

const EXECUTIONS = 200;
/** PostgreSQL plans the first executions of a statement before it compares; prepared again at 1, 2, 4, … 128. */
const MAX_PLANNED = 8 * 5;

let place: TestDatabase;
let source: DataSource;
let database: ReadingDatabase;

beforeAll(async () => {
  place = await testDatabase();
  source = new DataSource(
    dataSourceOptions({ url: place.serviceUrl, poolSize: 1, timeoutMs: 3_000 }),
  );
  database = new ReadingDatabase(source);
  const map = new PostgresIdentityMap(database, database, new SystemClock());
  for (let nth = 0; nth < EXECUTIONS; nth += 1) {
    const identity = {
      tenant: canonicalName('contoso'),
      subject: canonicalName(`person-${nth}`),
      kind: 'user' as const,
    };
    await map.claim(identity, 'resource', {
      holder: randomUUID(),
      durationMs: 10_000,
      endsAt: 0,
    });
    await map.find(identity);
  }
});

afterAll(async () => {
  await source.destroy();
  await place.close();
});

it.each(['mapping_find', 'mapping_claim'])('plans %s only a few times', async (name) => {
  const [plans] = await database.query<{ custom: string; generic: string }>(
    `SELECT sum(custom_plans) AS custom, sum(generic_plans) AS generic
     FROM pg_prepared_statements WHERE starts_with(name, $1)`,
    [name],
  );
  expect(Number(plans?.custom)).toBeLessThanOrEqual(MAX_PLANNED);
  expect(Number(plans?.generic)).toBeGreaterThanOrEqual(EXECUTIONS - MAX_PLANNED);
});

it('keeps no plan from a time when the table was nearly empty', async () => {
  const superuser = new Client({ connectionString: place.superuserUrl });
  await superuser.connect();
  await superuser.query(
    `INSERT INTO mapping (id, tenant, subject, kind, status, communication_user_id, resource)
     SELECT gen_random_uuid(), 'contoso', n, 'user', 'active', n, 'resource'
     FROM generate_series(1, 2000) AS n`,
  );
  await superuser.end();
  const map = new PostgresIdentityMap(database, database, new SystemClock());
  const contoso = canonicalName('contoso');
  const again = 2 ** 8 - EXECUTIONS; // until it is prepared again
  for (let nth = 0; nth < again + 10; nth += 1) {
    await map.find({ tenant: contoso, subject: canonicalName(String(nth)) });
  }
  const plan = await database.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN EXECUTE mapping_find_8(ARRAY['contoso'], ARRAY['1'], 1)`,
  );
  const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
  expect(lines).toContain('Index Scan using mapping_application_identity');
  expect(lines).not.toContain('Filter: (subject');
});
