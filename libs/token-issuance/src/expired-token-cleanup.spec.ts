import { randomBytes, randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Database, dataSourceOptions, Sweeps } from '#libs/platform';
import { ManualClock, MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { MemorySecretStore } from '#libs/secrets/testing';
import { EnvelopeEncryption } from './cache/envelope-encryption.js';
import { PostgresTokenCache } from './cache/postgres-token-cache.js';
import { ExpiredTokenCleanup } from './expired-token-cleanup.js';
import { PostgresTokenQuota } from './issue/postgres-token-quota.js';
import { IssuanceMetrics } from './metrics.js';
import { MemoryTokenCache } from './testing/memory-token-cache.js';
import { MemoryTokenQuota } from './testing/memory-token-quota.js';

describe('ExpiredTokenCleanup', () => {
  it('cleans each table in every interval, whatever happens to the other and happened before', async () => {
    const clock = new ManualClock();
    for (const failing of ['cache', 'quota'] as const) {
      const parts = { cache: new MemoryTokenCache(clock), quota: new MemoryTokenQuota(clock) };
      const swept = {
        cache: vi.spyOn(parts.cache, 'sweep').mockResolvedValue(),
        quota: vi.spyOn(parts.quota, 'sweep').mockResolvedValue(),
      };
      swept[failing].mockRejectedValue(new Error('canceling statement due to statement timeout'));
      const sweeps = new Sweeps(clock, new MemoryLogger());
      const cleanup = new ExpiredTokenCleanup(parts.cache, parts.quota, sweeps);
      cleanup.onApplicationBootstrap();
      for (let minute = 0; minute < 5; minute += 1) await clock.advance(60_000);
      await sweeps.onModuleDestroy();
      expect(swept.cache.mock.calls.length).toBeGreaterThanOrEqual(5);
      expect(swept.quota.mock.calls.length).toBeGreaterThanOrEqual(5);
    }
  });
});

describe('with 300,000 rows', () => {
  const ROWS = 300_000;
  const EXPIRED = 15_000;
  let test: TestDatabase;
  let source: DataSource;
  let database: Database;
  let owner: DataSource;
  const clock = new ManualClock(Date.now());

  beforeAll(async () => {
    test = await testDatabase();
    const options = { poolSize: 2, timeoutMs: 3_000 };
    source = new DataSource(dataSourceOptions({ url: test.serviceUrl, ...options }));
    database = new Database(source);
    owner = new DataSource(
      dataSourceOptions({ url: test.superuserUrl, ...options, timeoutMs: 240_000 }),
    );
    await owner.initialize();
    const mapping = randomUUID();
    await owner.query(
      `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
       VALUES ($1, 'default', 'tenant', 'subject', 'user', 'active', '8:acs:a_b')`,
      [mapping],
    );
    await owner.query(
      `INSERT INTO token_cache
       SELECT $1, 'v' || n, 1, CASE WHEN n % 20 = 1 THEN 'old' ELSE 'policy' END, '\\x00', '\\x00', 'key',
              now() + interval '1 day',
              now() + CASE WHEN n % 20 = 0 THEN interval '-1 hour' ELSE interval '1 hour' END,
              'print', 'key', NULL
       FROM generate_series(1, ${ROWS}) AS n`,
      [mapping],
    );
    await owner.query(
      `INSERT INTO token_quota
       SELECT sha256(n::text::bytea),
              CASE WHEN n % 40 = 0 THEN ARRAY[]::timestamptz[]
                   WHEN n % 20 = 0 THEN ARRAY[now() - interval '3 hours', now() - interval '2 hours']
                   ELSE ARRAY[now() - interval '2 hours', now()] END
       FROM generate_series(1, ${ROWS}) AS n`,
    );
    await owner.query('ANALYZE token_cache, token_quota');
  }, 300_000);
  afterAll(async () => {
    await owner.destroy();
    await source.destroy();
    await test.close();
  });

  /** The statements of the work. */
  async function statementsOf(work: () => Promise<void>) {
    const statements: { sql: string; parameters: readonly unknown[] }[] = [];
    const query = database.query.bind(database);
    const spy = vi.spyOn(database, 'query').mockImplementation(async (sql, parameters = []) => {
      const rows = await query(sql, parameters);
      statements.push({ sql, parameters });
      return rows;
    });
    await work();
    spy.mockRestore();
    return statements;
  }

  async function expectBounded(table: string, work: () => Promise<void>): Promise<void> {
    const statements = await statementsOf(work);
    expect(statements.length).toBeGreaterThan(5);
    const [{ sql, parameters } = { sql: '', parameters: [] }] = statements;
    const plan = await owner.query<unknown>(`EXPLAIN ${sql}`, [...parameters]);
    expect(JSON.stringify(plan)).not.toMatch(new RegExp(`Seq Scan on ${table}`));
  }

  const count = async (table: string): Promise<number> =>
    Number((await owner.query<{ count: string }[]>(`SELECT count(*) FROM ${table}`))[0]?.count);

  const cache = (): PostgresTokenCache => {
    const secrets = new MemorySecretStore(clock, { key: randomBytes(32).toString('base64') });
    const encryption = new EnvelopeEncryption(secrets, { cacheKeySecret: 'key' });
    const metrics = new IssuanceMetrics(new Registry(), clock);
    return new PostgresTokenCache(database, encryption, clock, new MemoryLogger(), metrics);
  };

  it('deletes cached tokens that may no longer be reused, in short statements that use an index', async () => {
    await expectBounded('token_cache', async () => cache().sweep());
    expect(await count('token_cache')).toBe(ROWS - EXPIRED);
  }, 120_000);

  it('deletes cached tokens of other policies in short statements that use an index', async () => {
    await expectBounded('token_cache', async () => cache().dropOtherPolicies('policy'));
    expect(await count('token_cache')).toBe(ROWS - 2 * EXPIRED);
  }, 120_000);

  it('deletes quotas without a token in the last hour, in short statements that use an index', async () => {
    await expectBounded('token_quota', async () => new PostgresTokenQuota(database).sweep());
    expect(await count('token_quota')).toBe(ROWS - EXPIRED);
  }, 120_000);

  it('stops between two batches at a shutdown', async () => {
    await owner.query(`UPDATE token_cache SET reusable_until = now() - interval '1 hour'
                       WHERE variant IN ('v2', 'v3')`);
    const before = await count('token_cache');
    const stop = new AbortController();
    stop.abort();
    await cache().sweep(stop.signal);
    expect(await count('token_cache')).toBe(before);
  }, 120_000);
});
