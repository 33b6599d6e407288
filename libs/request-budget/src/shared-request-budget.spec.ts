import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { type Clock, DatabaseUnavailable } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { BudgetExhausted } from './errors.js';
import { BudgetMetrics } from './metrics.js';
import type { BudgetRequest, Permit } from './request-budget.js';
import { SharedRequestBudget } from './shared-request-budget.js';
import { MemoryWindowStore } from './testing/memory-window-store.js';
import { prng } from './testing/prng.js';
import { type Deferral, maxPerWindow } from './testing/storm-measures.js';
import { simulate } from './testing/storm-simulation.js';
import type { WindowStore } from './window/window-store.js';

interface Limits {
  readonly limit: number;
  readonly windowMs: number;
  readonly maxWaitMs: number;
}

const issue: BudgetRequest = { resource: 'default', operation: 'issue' };

function replicas(
  count: number,
  clock: Clock,
  { limit, windowMs, maxWaitMs }: Limits,
  store: WindowStore = new MemoryWindowStore(clock),
): SharedRequestBudget[] {
  const limits = {
    ...{ create: limit, createWithToken: limit, issue: limit },
    ...{ revoke: limit, delete: limit, exchange: limit },
    ...{
      assign: limit,
      readAssignment: limit,
      unassign: limit,
      exchangeTeamsExtension: limit,
      exchangeEntra: limit,
    },
  };
  const settings = { limits, windowMs, maxWaitMs, requesterShare: 0.05, timeoutMs: 500 };
  return Array.from({ length: count }, () => {
    const metrics = new BudgetMetrics(new Registry());
    const logger = new MemoryLogger();
    return new SharedRequestBudget(store, settings, { clock, logger, metrics });
  });
}

function replica(clock: Clock, limits: Limits, store?: WindowStore): SharedRequestBudget {
  const [only] = replicas(1, clock, limits, store);
  if (!only) throw new Error('no replica');
  return only;
}

const tenWindows = {
  ...{ seed: 7, limit: 60, windowMs: 30_000, maxWaitMs: 5000, replicas: 3 },
  tenants: [132, 108, 96, 84, 66, 48, 30, 18, 12, 6],
  callMs: { min: 40, typical: 250, max: 1500 },
};

function secondsOf({ retryAfterSeconds = Number.NaN }: BudgetExhausted): number {
  return retryAfterSeconds;
}

/** Advances the clock until the work is done. */
async function during<T>(clock: ManualClock, work: Promise<T>, stepMs = 100): Promise<T> {
  const state = { isDone: false };
  const end = (): void => {
    state.isDone = true;
  };
  work.then(end, end);
  const endsAt = clock.now() + 3_600_000;
  while (!state.isDone && clock.now() < endsAt) await clock.advance(stepMs);
  return work;
}

/** A client that observes `Retry-After` and sends each request to any replica. */
async function client(
  tenant: string,
  world: { clock: ManualClock; budgets: readonly SharedRequestBudget[]; random: () => number },
): Promise<{ tenant: string; arrivedAt: number; deferrals: Deferral[] }> {
  const { clock, budgets, random } = world;
  const deferrals: Deferral[] = [];
  for (;;) {
    try {
      await clock.sleep(random() * 200);
      const budget = budgets[Math.floor(random() * budgets.length)];
      const permit = await budget?.acquire({ ...issue, tenant, clientApp: 'app' });
      await clock.sleep(10 + random() * 40);
      const arrivedAt = clock.now();
      await clock.sleep(5 + random() * 40);
      permit?.release();
      return { tenant, arrivedAt, deferrals };
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      const seconds = error.retryAfterSeconds ?? 0;
      deferrals.push({ atMs: clock.now(), seconds });
      await clock.sleep(seconds * 1000);
    }
  }
}

describe('SharedRequestBudget', () => {
  it.each(['connection', 'request'] as const)(
    'serves a storm of ten windows fairly, at the rate of the limit, with accurate Retry-After (by %s)',
    async (balancing) => {
      const storm = await simulate({ ...tenWindows, balancing });
      expect(storm.served).toBe(600);
      expect(storm.calls).toBe(600);
      expect(storm.maxPerWindow).toBe(tenWindows.limit);
      expect(storm.totalMs).toBeLessThan(1.05 * 9 * tenWindows.windowMs);
      expect(storm.retryAfterAccuracy).toBeGreaterThan(0.95);
      expect(Math.min(...storm.fairness)).toBeGreaterThan(0.95);
    },
  );

  it('gives the capacity of clients that never return to others', async () => {
    const storm = await simulate({ ...tenWindows, noShowRate: 0.3, balancing: 'request' });
    expect(storm.noShows).toBeGreaterThan(100);
    expect(storm.served + storm.noShows).toBe(600);
    expect(storm.maxPerWindow).toBeLessThanOrEqual(tenWindows.limit);
    expect(Math.max(...storm.visits.map(({ deferrals }) => deferrals.length))).toBeLessThan(5);
  });

  it('stops counting clients that do not return', async () => {
    const clock = new ManualClock();
    const windowMs = 10_000;
    const budget = replica(clock, { limit: 10, windowMs, maxWaitMs: 2000 });
    for (let burst = 0; burst < 8; burst += 1) {
      const requests = Array.from({ length: 20 }, async (_, number) =>
        budget.acquire({ ...issue, requester: `${burst} ${number}` }).then(
          (permit) => {
            permit.release();
            return 0;
          },
          (error: unknown) => (error instanceof BudgetExhausted ? secondsOf(error) : Number.NaN),
        ),
      );
      const seconds = await during(clock, Promise.all(requests));
      expect(seconds.filter((one) => one === 0)).toHaveLength(10);
      expect(Math.max(...seconds)).toBeLessThanOrEqual(windowMs / 1000);
      await clock.advance(2 * windowMs);
    }
  });

  it.each([1, 3])(
    'gives a client with many connections the share of one, over %i replicas',
    async (count) => {
      const storm = await simulate({
        ...{ ...tenWindows, replicas: count, balancing: 'request', floodConnections: 40 },
        tenants: [300],
      });
      expect(storm.served).toBe(300);
      expect(storm.maxPerWindow).toBeLessThanOrEqual(tenWindows.limit);
      // The first window is first come, first served.
      expect(storm.floodCalls).toBeLessThan(40 + 0.05 * storm.calls);
      expect(storm.totalMs).toBeLessThan(1.05 * 6 * tenWindows.windowMs);
    },
  );

  it('serves all clients when replicas crash during a storm', async () => {
    const crashesAtMs = [1500, 32_000, 64_000];
    const storm = await simulate({ ...tenWindows, crashesAtMs, balancing: 'connection' });
    expect(storm.served).toBe(600);
    expect(storm.maxPerWindow).toBeLessThanOrEqual(tenWindows.limit);
  });

  it('honours a reservation on every replica', async () => {
    const clock = new ManualClock();
    const limits = { limit: 10, windowMs: 30_000, maxWaitMs: 1000 };
    const [one, other] = replicas(2, clock, limits);
    const secondsUntilServed = async (
      budget: SharedRequestBudget | undefined,
      requester: string,
    ): Promise<number> =>
      during(
        clock,
        Promise.resolve(budget?.acquire({ ...issue, requester })).then(
          (permit) => {
            permit?.release();
            return 0;
          },
          (error: unknown) => (error instanceof BudgetExhausted ? secondsOf(error) : Number.NaN),
        ),
      );
    const requesters = Array.from({ length: 25 }, (_, number) => `requester ${number}`);
    const seconds = await Promise.all(
      requesters.map(async (requester) => secondsUntilServed(one, requester)),
    );
    expect(seconds.filter((one) => one === 0)).toHaveLength(10);
    const [first = ''] = requesters.filter((_requester, nth) => (seconds[nth] ?? 0) > 0);
    const last = requesters.at(-1) ?? '';
    await clock.advance(5000);
    // A client that returns too early keeps its position, before new arrivals.
    const arrival = secondsUntilServed(other, 'new');
    const again = await secondsUntilServed(other, last);
    expect(again).toBeLessThan(seconds.at(-1) ?? 0);
    expect(await arrival).toBeGreaterThanOrEqual(again);
    expect(await secondsUntilServed(other, first)).toBeLessThan(27);
  });

  it('never makes more calls than the limit in any window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          limit: fc.integer({ min: 1, max: 12 }),
          windowMs: fc.integer({ min: 500, max: 20_000 }),
          maxWaitMs: fc.integer({ min: 100, max: 6000 }),
          replicas: fc.integer({ min: 1, max: 4 }),
          seed: fc.nat(),
        }),
        fc.array(
          fc.record({
            afterMs: fc.integer({ min: 0, max: 4000 }),
            callMs: fc.integer({ min: 0, max: 500 }),
            on: fc.double({ min: 0, max: 1, noNaN: true }),
            end: fc.constantFrom('release', 'release', 'release', 'throttled', 'unused', 'crash'),
            isBulk: fc.boolean(),
          }),
          { maxLength: 60 },
        ),
        async (limits, calls) => {
          const clock = new ManualClock();
          const budgets = replicas(limits.replicas, clock, limits);
          const arrivals: number[] = [];
          const work = calls.map(async ({ afterMs, callMs, on, end, isBulk }, number) => {
            await clock.sleep(afterMs);
            const budget = budgets[number % budgets.length];
            const priority = isBulk ? 'bulk' : 'interactive';
            const permit: Permit | undefined = await budget
              ?.acquire({ ...issue, tenant: `t${number % 3}`, priority })
              .catch(() => undefined);
            if (!permit) return;
            await clock.sleep(callMs * on);
            if (end !== 'unused') arrivals.push(clock.now());
            await clock.sleep(callMs * (1 - on));
            if (end === 'throttled') permit.release({ throttled: {} });
            else if (end !== 'crash') permit.release({ isUnused: end === 'unused' });
          });
          await during(clock, Promise.all(work), 50);
          expect(maxPerWindow(arrivals, limits.windowMs)).toBeLessThanOrEqual(limits.limit);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('serves interactive requests before bulk ones, and reserves a part of each window for them', async () => {
    const clock = new ManualClock();
    const budget = replica(clock, { limit: 10, windowMs: 10_000, maxWaitMs: 5000 });
    const bulk = Array.from({ length: 20 }, async () =>
      budget.acquire({ ...issue, priority: 'bulk' }).then(
        () => 'granted',
        () => 'refused',
      ),
    );
    await clock.advance(1000);
    const granted = { count: 0 };
    for (let number = 0; number < 2; number += 1) {
      void budget.acquire(issue).then(() => (granted.count += 1));
    }
    await clock.advance(300);
    expect(granted.count).toBe(2);
    const ends = await during(clock, Promise.all(bulk));
    expect(ends.filter((end) => end === 'granted')).toHaveLength(8);
  });

  it('lets bulk work alone advance at the speed of the limit, and interactive requests in between', async () => {
    const clock = new ManualClock();
    const limits = { limit: 500, windowMs: 30_000, maxWaitMs: 5_000 };
    const [working, other] = replicas(2, clock, limits);
    const arrivals: number[] = [];
    const calls = Array.from({ length: 5_000 }).values();
    const worker = async (): Promise<void> => {
      for (const _ of calls) {
        let permit: Permit | undefined;
        while (!permit) {
          permit = await working
            ?.acquire({ ...issue, priority: 'bulk' })
            .catch(async (error: unknown) => {
              await clock.sleep(secondsOf(error as BudgetExhausted) * 1_000);
              return undefined;
            });
        }
        await clock.sleep(50);
        arrivals.push(clock.now());
        permit.release();
      }
    };
    const startedAt = clock.now();
    const work = Promise.all(Array.from({ length: 16 }, worker));
    let isOver = false;
    void work.finally(() => (isOver = true));
    const waits: number[] = [];
    const person = async (): Promise<void> => {
      while (!isOver) {
        const from = clock.now();
        const permit = await other?.acquire({ ...issue, tenant: 'a', clientApp: 'app' });
        waits.push(clock.now() - from);
        permit?.release();
        await clock.sleep(3_700);
      }
    };
    await during(clock, Promise.all([work, person()]));
    const bound = ((5_000 + waits.length) / limits.limit) * limits.windowMs;
    expect(clock.now() - startedAt).toBeLessThan(1.05 * bound);
    expect(maxPerWindow(arrivals, limits.windowMs)).toBeLessThanOrEqual(limits.limit);
    expect(waits.length).toBeGreaterThan(50);
    expect(Math.max(...waits)).toBeLessThan(1_000);
  });

  it('serves a small tenant during the storm of a large one', async () => {
    const clock = new ManualClock();
    const budget = replica(clock, { limit: 10, windowMs: 4000, maxWaitMs: 5000 });
    const world = { clock, random: prng(3), budgets: [budget] };
    const large = Promise.all(Array.from({ length: 60 }, async () => client('large', world)));
    await clock.advance(2000);
    const small = await during(clock, client('small', world));
    const served = await during(clock, large);
    const after = served.filter(({ arrivedAt }) => arrivedAt > small.arrivedAt).length;
    expect(after).toBeGreaterThanOrEqual(30);
  });

  it('removes an aborted request from the queue', async () => {
    const clock = new ManualClock();
    const budget = replica(clock, { limit: 1, windowMs: 2000, maxWaitMs: 5000 });
    const first = await budget.acquire(issue);
    first.release();
    const gone = new AbortController();
    const waiting = budget.acquire({ ...issue, signal: gone.signal });
    const next = budget.acquire(issue);
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    (await during(clock, next)).release();
  });

  it.each([
    ['while it may be used', 100],
    ['when it is too old', 6000],
  ])('gives a permit whose call was not sent to another request, %s', async (_when, ageMs) => {
    const clock = new ManualClock();
    const budget = replica(clock, { limit: 3, windowMs: 30_000, maxWaitMs: 5000 });
    const acquire = async (): Promise<Permit> => during(clock, budget.acquire(issue));
    const permits = [await acquire(), await acquire(), await acquire()];
    await clock.advance(ageMs);
    for (const permit of permits) {
      expect(permit.usableForMs() > 0).toBe(ageMs < 5000);
      permit.release({ isUnused: true });
    }
    const before = clock.now();
    for (let nth = 0; nth < 3; nth += 1) expect((await acquire()).usableForMs()).toBeGreaterThan(0);
    expect(clock.now() - before).toBeLessThan(5000);
    await expect(acquire()).rejects.toBeInstanceOf(BudgetExhausted);
  });

  it('halves the limit at once when ACS throttles calls, and raises it again over windows', async () => {
    const clock = new ManualClock();
    const windowMs = 10_000;
    const budget = replica(clock, { limit: 100, windowMs, maxWaitMs: 1000 });
    const perWindow = async (): Promise<number> => {
      const calls = Array.from({ length: 120 }, async () =>
        budget.acquire(issue).then(
          (permit) => {
            permit.release();
            return 1;
          },
          () => 0,
        ),
      );
      const done = await during(clock, Promise.all(calls));
      await clock.advance(windowMs + 2000);
      return done.reduce<number>((sum, one) => sum + one, 0);
    };
    expect(await perWindow()).toBe(100);
    (await budget.acquire(issue)).release({ throttled: { retryAfterSeconds: 3 } });
    await clock.advance(20);
    await expect(during(clock, budget.acquire(issue))).rejects.toMatchObject({
      code: 'budget-exhausted',
      status: 429,
    });
    await clock.advance(windowMs);
    const first = await perWindow();
    const second = await perWindow();
    expect(first).toBeLessThan(75);
    expect(second).toBeGreaterThan(first);
    for (let window = 0; window < 5; window += 1) await clock.advance(windowMs);
    expect(await perWindow()).toBe(100);
  });

  it('rejects with the outage of the database instead of queueing', async () => {
    const clock = new ManualClock();
    const broken = new MemoryWindowStore(clock);
    broken.update = async () => Promise.reject(new DatabaseUnavailable());
    const budget = replica(clock, { limit: 1, windowMs: 2000, maxWaitMs: 5000 }, broken);
    await expect(budget.acquire(issue)).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('grants the permits of calls that were not sent again, without waiting for the window', async () => {
    const clock = new ManualClock();
    const windowMs = 60_000;
    const budget = replica(clock, { limit: 10, windowMs, maxWaitMs: 1000 });
    const tenCalls = async (): Promise<Permit[]> =>
      during(clock, Promise.all(Array.from({ length: 10 }, async () => budget.acquire(issue))));
    for (const permit of await tenCalls()) permit.release({ isUnused: true });
    // Past the time in which they may be used, so that they go back to the window.
    const later = await tenCalls();
    await clock.advance(10_000);
    for (const permit of later) permit.release({ isUnused: true });
    await clock.advance(windowMs / 10);
    for (const permit of await tenCalls()) permit.release();
    await expect(during(clock, budget.acquire(issue))).rejects.toMatchObject({ status: 429 });
  });

  it('reports all ended calls before it is closed, also those whose report is under way', async () => {
    const clock = new ManualClock(1_800_000_000_000);
    const store = new MemoryWindowStore(clock);
    let isSlow = false as boolean; // changes below
    let underWay = 0;
    const slowStore: WindowStore = {
      update: async (...change) => {
        underWay += 1;
        if (isSlow) await clock.sleep(1_000);
        return store.update(...change).finally(() => (underWay -= 1));
      },
    };
    const limits = { limit: 3, windowMs: 2_000, maxWaitMs: 5_000 };
    const stopping = replica(clock, limits, slowStore);
    const permits = await Promise.all([1, 2, 3].map(async () => stopping.acquire(issue)));
    isSlow = true;
    for (const permit of permits) permit.release();
    for (let ms = 0; ms < 500 && underWay === 0; ms += 10) await clock.advance(10);
    expect(underWay, 'a report of ended calls').toBe(1);
    await during(clock, stopping.beforeApplicationShutdown(), 10);
    expect(underWay, 'reports after it is closed').toBe(0);

    const other = replica(clock, limits, store);
    const next = Promise.all([1, 2, 3].map(async () => other.acquire(issue)));
    await expect(during(clock, next, 10)).resolves.toHaveLength(3);
  });

  it('serves a request that arrives when the queue has just been served, at any instant', async () => {
    for (let instant = 0; instant < 60; instant += 1) {
      const clock = new ManualClock(1_800_000_000_000);
      const budget = replica(clock, { limit: 100, windowMs: 30_000, maxWaitMs: 5_000 });
      const first = budget.acquire({ ...issue, priority: 'bulk' });
      for (let n = 0; n < instant; n += 1) await Promise.resolve();
      const second = budget.acquire({ ...issue, priority: 'bulk' });
      await expect(during(clock, Promise.all([first, second]), 10)).resolves.toHaveLength(2);
      expect(clock.now() - 1_800_000_000_000, `after ${instant} steps`).toBeLessThan(1_000);
    }
  });

  it('reconciles rarely when calls are few', async () => {
    const clock = new ManualClock();
    const store = new MemoryWindowStore(clock);
    const updating = vi.spyOn(store, 'update');
    const budget = replica(clock, { limit: 1000, windowMs: 30_000, maxWaitMs: 5000 }, store);
    for (let call = 0; call < 200; call += 1) {
      (await budget.acquire(issue)).release();
      await clock.advance(50);
    }
    expect(updating.mock.calls.length).toBeLessThan(40);
  });
});
