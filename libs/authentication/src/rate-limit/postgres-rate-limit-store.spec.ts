import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions, Sweeps } from '#libs/platform';
import { ManualClock, MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { describeRateLimitStore } from '../testing/rate-limit-store.contract.js';
import { PostgresRateLimitStore } from './postgres-rate-limit-store.js';

const MINUTE_MS = 60_000;

let testDb: TestDatabase;
const sources: DataSource[] = [];

beforeAll(async () => {
  testDb = await testDatabase();
});

afterAll(async () => {
  for (const source of sources) if (source.isInitialized) await source.destroy();
  await testDb.close();
});

/** A store with connections of its own. */
function openStore(
  clock = new ManualClock(),
  sweeps = new Sweeps(clock, new MemoryLogger()),
): PostgresRateLimitStore {
  const source = new DataSource(
    dataSourceOptions({ url: testDb.serviceUrl, poolSize: 4, timeoutMs: 5000 }),
  );
  sources.push(source);
  return new PostgresRateLimitStore(new Database(source), clock, sweeps);
}

describeRateLimitStore('PostgresRateLimitStore', async () =>
  Promise.resolve([openStore(), openStore()]),
);

describe('PostgresRateLimitStore', () => {
  it('deletes counts older than the last minute, each minute', async () => {
    const clock = new ManualClock(201 * MINUTE_MS);
    const sweeps = new Sweeps(clock, new MemoryLogger());
    const store = openStore(clock, sweeps);
    await store.increment('key', 200, 5);
    await store.increment('key', 201, 7);
    store.onApplicationBootstrap();
    await clock.advance(MINUTE_MS);
    await sweeps.onModuleDestroy();
    expect(await store.increment('key', 200, 1)).toBe(1);
    expect(await store.increment('key', 201, 1)).toBe(8);
  });
});
