import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions, ManualClock, MemoryLogger } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { settingsFrom } from '../testing/settings.js';
import { PostgresRateLimitStore } from './postgres-rate-limit-store.js';
import type { Principal } from '../access/principal.js';
import { type LimitAnswer, RateLimiter } from './rate-limiter.js';

const REPLICAS = 3;
const MINUTE_MS = 60_000;

let place: TestDatabase;
let sources: DataSource[];
let clock: ManualClock;

beforeAll(async () => {
  place = await testDatabase();
  sources = Array.from(
    { length: REPLICAS },
    () =>
      new DataSource(dataSourceOptions({ url: place.serviceUrl, poolSize: 4, timeoutMs: 30_000 })),
  );
});

beforeEach(() => {
  clock = new ManualClock();
});

afterAll(async () => {
  for (const source of sources) if (source.isInitialized) await source.destroy();
  await place.drop();
});

/** As many replicas, each with its own connections to the one database. */
function replicas(environment: Record<string, string>): RateLimiter[] {
  return sources.map(
    (source) =>
      new RateLimiter(
        new PostgresRateLimitStore(new Database(source)),
        clock,
        new MemoryLogger(),
        settingsFrom(environment),
      ),
  );
}

let made = 0;

function someone(): Principal {
  made += 1;
  return {
    kind: 'user',
    issuer: 'https://login.test',
    tenant: 'tenant',
    subject: `person ${made}`,
    permissions: [],
    isGuest: false,
  };
}

type Ask = (limits: RateLimiter) => Promise<LimitAnswer>;

/** How many of so many are let pass, all asked at the same time. */
async function passing(from: readonly RateLimiter[], count: number, ask: Ask): Promise<number> {
  const asked = Array.from({ length: count }, async (_none, number) => {
    const limits = from[number % from.length];
    return limits !== undefined && (await ask(limits)).isAllowed;
  });
  return (await Promise.all(asked)).filter(Boolean).length;
}

function expectExact(passed: number, limit: number): void {
  expect(Math.abs(passed - limit), `${passed} of ${limit}`).toBeLessThanOrEqual(limit / 10);
}

describe.each([1, 5, 10, 50, 600, 3_000])('a limit of %i a minute over 3 replicas', (limit) => {
  const tooMany = limit * 2 + 30;
  const requests = { AUTHENTICATION_REQUESTS_PER_MINUTE: String(limit) };
  const failures = { AUTHENTICATION_FAILURES_PER_MINUTE: String(limit) };

  it('is exact to a tenth for requests of a principal, minute after minute', async () => {
    const all = replicas(requests);
    const principal = someone();
    for (let minute = 0; minute < 3; minute += 1) {
      expectExact(await passing(all, tooMany, async (one) => one.countRequest(principal)), limit);
      await clock.advance(MINUTE_MS);
    }
  });

  it('is exact to a tenth for refusals of an address', async () => {
    made += 1;
    const context = { requestId: 'r', clientAddress: `2001:db8:0:${made.toString(16)}::1` };
    const ask: Ask = async (one) => one.countRefusal(context);
    expectExact(await passing(replicas(failures), tooMany, ask), limit);
  });

  it('is exact to a tenth when each replica gets a part of the load after the other', async () => {
    const principal = someone();
    let passed = 0;
    for (const one of replicas(requests))
      passed += await passing([one], Math.ceil(limit * 0.4), async (limits) =>
        limits.countRequest(principal),
      );
    expectExact(passed, limit);
  });

  it('is each principal’s own when several press on it at once', async () => {
    const all = replicas(requests);
    const crowd = [someone(), someone(), someone()];
    const passed = await Promise.all(
      crowd.map(async (one) => passing(all, tooMany, async (limits) => limits.countRequest(one))),
    );
    for (const count of passed) expectExact(count, limit);
  });
});
