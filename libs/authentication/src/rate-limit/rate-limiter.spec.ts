import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform';
import { settingsFrom } from '../testing/settings.js';
import type { Principal } from '../access/principal.js';
import { RateLimiter } from './rate-limiter.js';
import { MemoryRateLimitStore } from './rate-limit-store.js';

const alice: Principal = {
  kind: 'user',
  issuer: 'https://login.test',
  tenant: 'tenant',
  subject: 'alice',
  permissions: [],
  isGuest: false,
};

let clock: ManualClock;
let counter: MemoryRateLimitStore;

beforeEach(() => {
  clock = new ManualClock();
  counter = new MemoryRateLimitStore();
});

function replica(environment: Record<string, string>): RateLimiter {
  return new RateLimiter(counter, clock, new MemoryLogger(), settingsFrom(environment));
}

/** How many of so many requests pass, spread over the replicas as `pick` says. */
async function passing(
  replicas: readonly RateLimiter[],
  requests: number,
  principal = alice,
): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: requests }, async (_none, number) =>
      replicas[number % replicas.length]?.countRequest(principal),
    ),
  );
  return answers.filter((answer) => answer?.isAllowed === true).length;
}

describe('RateLimiter', () => {
  it.each([
    [60, 1],
    [60, 4],
    [1_000, 3],
    [3_000, 8],
  ])('lets %i a minute pass over %i replicas, exact to a tenth', async (limit, count) => {
    const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: String(limit) };
    const replicas = Array.from({ length: count }, () => replica(environment));
    for (const minute of [1, 2]) {
      const passed = await passing(replicas, limit * 2);
      expect(Math.abs(passed - limit), `minute ${minute}`).toBeLessThanOrEqual(limit / 10);
      await clock.advance(60_000);
    }
  });

  it('stays exact to a tenth when the load moves from one replica to the next', async () => {
    const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: '1000' };
    const replicas = Array.from({ length: 5 }, () => replica(environment));
    let passed = 0;
    for (const one of replicas) passed += await passing([one], 300);
    expect(Math.abs(passed - 1_000)).toBeLessThanOrEqual(100);
  });

  it('counts each principal apart, and tells when to come again', async () => {
    const limits = replica({ AUTHENTICATION_REQUESTS_PER_MINUTE: '2' });
    await clock.advance(15_500);
    expect(await passing([limits], 3)).toBe(2);
    expect(await limits.countRequest(alice)).toEqual({
      isAllowed: false,
      limit: 2,
      retryAfterSeconds: 45,
    });
    expect(await limits.countRequest({ ...alice, subject: 'bob' })).toEqual({ isAllowed: true });
    await clock.advance(44_500);
    expect(await limits.countRequest(alice)).toEqual({ isAllowed: true });
  });

  it('counts refusals by address, and by network for IPv6', async () => {
    const limits = replica({ AUTHENTICATION_FAILURES_PER_MINUTE: '1' });
    const from = async (clientAddress: string): Promise<boolean> =>
      (await limits.countFailure({ requestId: 'r', clientAddress })).isAllowed;
    expect([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.2')]).toEqual([
      true,
      false,
      true,
    ]);
    expect([await from('2001:db8::1'), await from('2001:db8:0:0:9::1')]).toEqual([true, false]);
    expect(await from('2001:db8:0:1::1')).toBe(true);
  });

  it('limits nothing when the limit is 0', async () => {
    const limits = replica({ AUTHENTICATION_REQUESTS_PER_MINUTE: '0' });
    expect(await passing([limits], 5_000)).toBe(5_000);
  });

  describe('while the database is down', () => {
    afterEach(() => {
      counter.outage = undefined;
    });

    it('lets each replica apply the limit for itself, and reports afterwards', async () => {
      const environment = { AUTHENTICATION_REQUESTS_PER_MINUTE: '100' };
      const [first, second] = [replica(environment), replica(environment)];
      counter.outage = new Error('down');
      expect(await passing([first], 60)).toBe(60);
      counter.outage = undefined;
      await clock.advance(5_000);
      expect(await passing([first], 1)).toBe(1);
      expect(Math.abs((await passing([second], 100)) - 39)).toBeLessThanOrEqual(10);
      counter.outage = new Error('down');
      expect(await passing([replica(environment)], 200)).toBe(100);
    });
  });
});
