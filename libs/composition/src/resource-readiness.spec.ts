import pg from 'pg';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CommunicationResources } from '#libs/communication-services';
import { dataSourceOptions, ReadinessChecks, ReadingDatabase, SystemClock } from '#libs/platform';
import { MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { ResourceReadiness } from './resource-readiness.js';

let place: TestDatabase;
let source: DataSource;
let superuser: pg.Client;

beforeAll(async () => {
  place = await testDatabase();
  const options = { url: place.serviceUrl, poolSize: 2, timeoutMs: 10_000 };
  source = new DataSource(dataSourceOptions(options));
  superuser = new pg.Client({ connectionString: place.superuserUrl });
  await Promise.all([source.initialize(), superuser.connect()]);
});

afterAll(async () => {
  await superuser.end();
  await source.destroy();
  await place.close();
});

it('is degraded while identities or assignments are of a resource that is not configured', async () => {
  const logger = new MemoryLogger();
  const checks = new ReadinessChecks(logger, new Registry());
  const resource = { name: 'europe', endpoint: 'https://acs.example', tenants: [] };
  const id = '0f0e0d0c-0000-4000-8000-000000000000';
  const resources = new CommunicationResources(
    [{ ...resource, immutableResourceId: id }],
    'europe',
  );
  const database = new ReadingDatabase(source);
  const part = new ResourceReadiness(database, resources, checks, new SystemClock(), logger);
  part.onApplicationBootstrap();
  const reasonNow = async (): Promise<string | undefined> => {
    await part.refresh();
    const { 'acs resources': answer } = await checks.ask();
    return answer?.isReady === true ? answer.degradation : answer?.reason;
  };
  expect(await reasonNow()).toBeUndefined();

  await superuser.query(
    `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
     SELECT gen_random_uuid(), name, 'contoso', name || n, 'user', 'active', name || n
     FROM generate_series(1, 3) AS n, unnest(ARRAY['default', 'europe']) AS name`,
  );
  await superuser.query(
    `INSERT INTO teams_phone_assignment
       (id, resource, tenant, object_id, principal_type, client_ids, status, version, created_at, updated_at)
     VALUES (gen_random_uuid(), 'asia', gen_random_uuid(), gen_random_uuid(), 'user', '{}', 'active', 1, now(), now())`,
  );
  expect(await reasonNow()).toBe(
    'not configured: asia (identities: 0, Teams Phone assignments: 1), default (identities: 3, Teams Phone assignments: 0)',
  );

  await superuser.query('SET session_replication_role = replica');
  await superuser.query(`UPDATE mapping SET resource = 'europe'`);
  await superuser.query('DELETE FROM teams_phone_assignment');
  expect(await reasonNow()).toBeUndefined();
  await part.onModuleDestroy();
});
