import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canonicalName, Database, dataSourceOptions, type Principal, Sweeps } from '#libs/platform';
import { ManualClock, MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { settingsFrom } from '../testing/settings.js';
import { PostgresRateLimitStore } from './postgres-rate-limit-store.js';
import { type RateLimitResult, RateLimiter } from './rate-limiter.js';

const REPLICAS = 3;
const MINUTE_MS = 60_000;

let testDb: TestDatabase;
let sources: DataSource[];
let clock: ManualClock;

beforeAll(async () => {
  testDb = await testDatabase();
  sources = Array.from(
    { length: REPLICAS },
    () =>
      new DataSource(dataSourceOptions({ url: testDb.serviceUrl, poolSize: 4, timeoutMs: 30_000 })),
  );
});

beforeEach(() => {
  clock = new ManualClock();
});

afterAll(async () => {
  for (const source of sources) if (source.isInitialized) await source.destroy();
  await testDb.close();
});

/** One limiter for each replica, with its own connections to the same database. */
function replicas(environment: Record<string, string>): RateLimiter[] {
  return sources.map(
    (source) =>
      new RateLimiter(
        new PostgresRateLimitStore(
          new Database(source),
          clock,
          new Sweeps(clock, new MemoryLogger()),
        ),
        clock,
        new MemoryLogger(),
        settingsFrom(environment),
      ),
  );
}

let principalCount = 0;

function newPrincipal(): Principal {
  principalCount += 1;
  return {
    kind: 'user',
    issuer: 'https://login.test',
    tenant: canonicalName('tenant'),
    subject: canonicalName(`person ${principalCount}`),
    permissions: [],
    isGuest: false,
  };
}

type Request = (limiter: RateLimiter) => Promise<RateLimitResult>;

/** Sends concurrent requests to the limiters in rotation. @returns how many are allowed */
async function countAllowed(
  limiters: readonly RateLimiter[],
  count: number,
  request: Request,
): Promise<number> {
  const results = Array.from({ length: count }, async (_none, number) => {
    const limiter = limiters[number % limiters.length];
    return limiter !== undefined && (await request(limiter)).isAllowed;
  });
  return (await Promise.all(results)).filter(Boolean).length;
}

function expectWithinTenth(allowed: number, limit: number): void {
  expect(Math.abs(allowed - limit), `${allowed} of ${limit}`).toBeLessThanOrEqual(limit / 10);
}

describe.each([1, 5, 10, 50, 600, 3_000])('a limit of %i per minute over 3 replicas', (limit) => {
  const tooMany = limit * 2 + 30;
  const requests = { AUTHENTICATION_REQUESTS_PER_MINUTE: String(limit) };
  const failures = { AUTHENTICATION_FAILURES_PER_MINUTE: String(limit) };

  it('holds to within a tenth for the requests of a principal, minute after minute', async () => {
    const all = replicas(requests);
    const principal = newPrincipal();
    for (let minute = 0; minute < 3; minute += 1) {
      expectWithinTenth(
        await countAllowed(all, tooMany, async (limiter) => limiter.countRequest(principal)),
        limit,
      );
      await clock.advance(MINUTE_MS);
    }
  });

  it('holds to within a tenth for the failures of an address', async () => {
    principalCount += 1;
    const network = principalCount.toString(16);
    const context = { requestId: 'r', clientAddress: `2001:db8:0:${network}::1` };
    const fail: Request = async (limiter) => limiter.countFailure(context);
    expectWithinTenth(await countAllowed(replicas(failures), tooMany, fail), limit);
  });

  it('holds to within a tenth when the load moves from one replica to the next', async () => {
    const principal = newPrincipal();
    let allowed = 0;
    for (const one of replicas(requests))
      allowed += await countAllowed([one], Math.ceil(limit * 0.4), async (limiter) =>
        limiter.countRequest(principal),
      );
    expectWithinTenth(allowed, limit);
  });

  it('applies to each principal separately under concurrent load', async () => {
    const all = replicas(requests);
    const principals = [newPrincipal(), newPrincipal(), newPrincipal()];
    const counts = await Promise.all(
      principals.map(async (one) =>
        countAllowed(all, tooMany, async (limiter) => limiter.countRequest(one)),
      ),
    );
    for (const count of counts) expectWithinTenth(count, limit);
  });
});
