import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { execute, type LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { TEST_CLUSTER } from '#libs/platform/testing';
import { acsIdentity, operatorEnvironment } from '../support/acs-identity.js';
import { publicKey } from '../support/audit-api.js';
import { call } from '../support/call.js';
import { olderPostgresVersions } from '../support/postgres-versions.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

/** Columns with their storage, constraints, indexes, triggers and functions, in words that versions share. */
const SCHEMA = `
  SELECT format('column %s %s %s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull, attstorage) AS line
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0
  UNION ALL
  SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
  UNION ALL
  SELECT 'index ' || pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
  WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT 'options ' || oid::regclass || coalesce(reloptions::text, '') FROM pg_class
  WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL
  SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  ORDER BY 1`;

async function schemaOf(url: string): Promise<readonly unknown[]> {
  return execute(url.replace(/[^/]*$/, TEST_CLUSTER.template), SCHEMA);
}

const versions = await olderPostgresVersions();

describe.each(versions)('on PostgreSQL $major', ({ major, programs }) => {
  let postgres: LocalPostgres;
  let service: Service;
  beforeAll(async () => {
    postgres = await startTestCluster(false, { programs });
    service = await Service.start({ cluster: postgres });
  });
  afterAll(async () => {
    await service.stop();
    await postgres.remove();
  });

  it('has the schema of the newest version', async () => {
    const [version] = await service.rows<{ server_version: string }>('SHOW server_version');
    expect(version?.server_version).toMatch(new RegExp(`^${major}\\.`));
    expect(await schemaOf(postgres.superuserUrl)).toEqual(
      await schemaOf(inject('cluster').superuserUrl),
    );
  });

  it('issues, revokes, erases, and drops old entries, and the log still verifies', async () => {
    const person = await newPerson(service);
    await issue(service, person);
    await issue(service, person);
    const token = person.bearer;
    expect((await call(service.url, 'post', '/v1/me/tokens/revoke', { token })).status).toBe(202);
    await expect.poll(async () => (await requestToken(service, person)).status).toBe(200);

    const erased = await call(service.url, 'post', '/v1/audit/erase', {
      token: await service.token('erin'),
      body: { tenant: SAMPLE_TENANTS.home.id, subject: person.oid, reason: 'case 4711' },
    });
    expect(erased.body.erasedRows, erased.text).toBeGreaterThan(0);

    const { ownerUrl, serviceUrl } = service.database;
    await execute(
      ownerUrl,
      `CREATE TABLE audit_entry_2025_01 PARTITION OF audit_entry FOR VALUES FROM ('2025-01-01Z') TO ('2025-02-01Z')`,
    );
    const environment = { ...operatorEnvironment(service), DATABASE_OWNER_URL: ownerUrl };
    const retain = ['audit', 'retain', '--before', '2025-02-01', '--yes'];
    expect(await acsIdentity(retain, { environment })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Dropped audit_entry_2025_01'),
    });
    const key = await publicKey(service);
    const verify = ['audit', 'verify', '--database-url', serviceUrl, '--public-key', key];
    expect((await acsIdentity(verify)).stdout).toContain('The log is whole');
    expect((await call(service.url, 'get', '/health/ready')).status).toBe(200);
  });
});
