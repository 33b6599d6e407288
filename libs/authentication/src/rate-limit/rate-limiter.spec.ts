import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalName, type Principal } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { settingsFrom } from '../testing/settings.js';
import { RateLimiter } from './rate-limiter.js';
import { MemoryRateLimitStore } from '../testing/memory-rate-limit-store.js';

const alice: Principal = {
  kind: 'user',
  issuer: 'https://login.test',
  tenant: canonicalName('tenant'),
  subject: canonicalName('alice'),
  permissions: [],
  isGuest: false,
};

let clock: ManualClock;
let store: MemoryRateLimitStore;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryRateLimitStore();
});

function replica(environment: Record<string, string>): RateLimiter {
  return new RateLimiter(store, clock, new MemoryLogger(), settingsFrom(environment));
}

/** Sends concurrent requests to the replicas in rotation. @returns how many are allowed */
async function countAllowed(
  replicas: readonly RateLimiter[],
  requests: number,
  principal = alice,
): Promise<number> {
  const results = await Promise.all(
    Array.from({ length: requests }, async (_none, number) =>
      replicas[number % replicas.length]?.countRequest(principal),
    ),
  );
  return results.filter((result) => result?.isAllowed === true).length;
}

describe('RateLimiter', () => {
  it.each([
    [60, 1],
    [60, 4],
    [1_000, 3],
    [3_000, 8],
  ])('allows %i requests per minute over %i replicas, to within a tenth', async (limit, count) => {
    const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: String(limit) };
    const replicas = Array.from({ length: count }, () => replica(environment));
    for (const minute of [1, 2]) {
      const allowed = await countAllowed(replicas, limit * 2);
      expect(Math.abs(allowed - limit), `minute ${minute}`).toBeLessThanOrEqual(limit / 10);
      await clock.advance(60_000);
    }
  });

  it('stays within a tenth when the load moves from one replica to the next', async () => {
    const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: '1000' };
    const replicas = Array.from({ length: 5 }, () => replica(environment));
    let allowed = 0;
    for (const one of replicas) allowed += await countAllowed([one], 300);
    expect(Math.abs(allowed - 1_000)).toBeLessThanOrEqual(100);
  });

  it('counts each principal separately, and gives the time until the next minute', async () => {
    const limiter = replica({ AUTHENTICATION_REQUESTS_PER_MINUTE: '2' });
    await clock.advance(15_500);
    expect(await countAllowed([limiter], 3)).toBe(2);
    expect(await limiter.countRequest(alice)).toEqual({
      isAllowed: false,
      limit: 2,
      retryAfterSeconds: 45,
    });
    expect(await limiter.countRequest({ ...alice, subject: canonicalName('bob') })).toEqual({
      isAllowed: true,
    });
    await clock.advance(44_500);
    expect(await limiter.countRequest(alice)).toEqual({ isAllowed: true });
  });

  it('counts failures by IPv4 address and by IPv6 /64 network', async () => {
    const limiter = replica({ AUTHENTICATION_FAILURES_PER_MINUTE: '1' });
    const from = async (clientAddress: string): Promise<boolean> =>
      (await limiter.countFailure({ requestId: 'r', clientAddress })).isAllowed;
    expect([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.2')]).toEqual([
      true,
      false,
      true,
    ]);
    expect([await from('2001:db8::1'), await from('2001:db8:0:0:9::1')]).toEqual([true, false]);
    expect(await from('2001:db8:0:1::1')).toBe(true);
  });

  it('allows everything when the limit is 0', async () => {
    const limiter = replica({ AUTHENTICATION_REQUESTS_PER_MINUTE: '0' });
    expect(await countAllowed([limiter], 5_000)).toBe(5_000);
  });

  describe('during an outage of the store', () => {
    afterEach(() => {
      store.outage = undefined;
    });

    it('applies the limit in each replica alone, and reports the counts afterwards', async () => {
      const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: '100' };
      const [first, second] = [replica(environment), replica(environment)];
      store.outage = new Error('down');
      expect(await countAllowed([first], 60)).toBe(60);
      store.outage = undefined;
      await clock.advance(5_000);
      expect(await countAllowed([first], 1)).toBe(1);
      expect(Math.abs((await countAllowed([second], 100)) - 39)).toBeLessThanOrEqual(10);
      store.outage = new Error('down');
      expect(await countAllowed([replica(environment)], 200)).toBe(100);
    });

    it('calls the store again as soon when the clock is set back', async () => {
      const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: '100' };
      const [first, second] = [replica(environment), replica(environment)];
      store.outage = new Error('down');
      await countAllowed([first], 10);
      store.outage = undefined;
      clock.step(-3_600_000);
      await clock.advance(5_000);
      expect(await countAllowed([first, second], 200)).toBe(100);
    });
  });
});
