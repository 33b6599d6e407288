import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { type Clock, DatabaseUnavailable, ManualClock, MemoryLogger } from '#libs/platform';
import { type BudgetLedgers, MemoryBudgetLedgers } from './budget-ledgers.js';
import { BudgetMetrics } from './budget-metrics.js';
import { BudgetExhausted } from './gateway-errors.js';
import type { BudgetRequest, Permit } from './request-budget.js';
import { SharedRequestBudget } from './shared-request-budget.js';

interface Terms {
  readonly limit: number;
  readonly windowMs: number;
  readonly maxWaitMs: number;
}

const issue: BudgetRequest = { resource: 'default', operation: 'issue' };

function replicas(
  count: number,
  clock: Clock,
  terms: Terms,
  ledgers: BudgetLedgers = new MemoryBudgetLedgers(clock),
): SharedRequestBudget[] {
  const { limit, windowMs, maxWaitMs } = terms;
  const limits = {
    ...{ create: limit, createWithToken: limit, issue: limit },
    ...{ revoke: limit, delete: limit, exchange: limit },
  };
  const settings = { limits, windowMs, maxWaitMs, timeoutMs: 500 };
  return Array.from({ length: count }, () => {
    const metrics = new BudgetMetrics(new Registry());
    return new SharedRequestBudget(ledgers, settings, {
      clock,
      logger: new MemoryLogger(),
      metrics,
    });
  });
}

function replica(clock: Clock, terms: Terms, ledgers?: BudgetLedgers): SharedRequestBudget {
  const [only] = replicas(1, clock, terms, ledgers);
  if (!only) throw new Error('no replica');
  return only;
}

/** The most calls that any stretch of one window saw. */
function busiest(arrivals: readonly number[], windowMs: number): number {
  const sorted = arrivals.toSorted((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] ?? at) >= windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

/** Moves the time on until the work is over. */
async function during<T>(clock: ManualClock, work: Promise<T>, stepMs = 100): Promise<T> {
  const state = { isOver: false };
  const end = (): void => {
    state.isOver = true;
  };
  work.then(end, end);
  const endsAt = clock.now() + 3_600_000;
  while (!state.isOver && clock.now() < endsAt) await clock.advance(stepMs);
  return work;
}

/** The same numbers each time, from 0 to below 1. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One client's way to its call: does as it is told, and comes to any replica. */
async function client(
  tenant: string,
  world: { clock: ManualClock; budgets: readonly SharedRequestBudget[]; random: () => number },
): Promise<{ tenant: string; arrivedAt: number; told: { at: number; seconds: number }[] }> {
  const { clock, budgets, random } = world;
  const told: { at: number; seconds: number }[] = [];
  for (;;) {
    try {
      await clock.sleep(random() * 200);
      const budget = budgets[Math.floor(random() * budgets.length)];
      const permit = await budget?.acquire({ ...issue, tenant, clientApp: 'app' });
      await clock.sleep(10 + random() * 40);
      const arrivedAt = clock.now();
      await clock.sleep(5 + random() * 40);
      permit?.done();
      return { tenant, arrivedAt, told };
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      const seconds = error.retryAfterSeconds ?? 0;
      told.push({ at: clock.now(), seconds });
      await clock.sleep(seconds * 1000);
    }
  }
}

describe('SharedRequestBudget', () => {
  it('brings a storm of ten windows through at the speed of the limit, with honest times', async () => {
    const terms = { limit: 60, windowMs: 30_000, maxWaitMs: 5000 };
    const clock = new ManualClock();
    const random = dice(7);
    const world = { clock, random, budgets: replicas(3, clock, terms) };
    const startedAt = clock.now();
    const sizes = [150, 120, 90, 75, 60, 45, 30, 15, 9, 6];
    const tenants = sizes
      .flatMap((size, number) => Array.from({ length: size }, () => ({ number, at: random() })))
      .toSorted((a, b) => a.at - b.at);
    const storm = tenants.map(async ({ number }) => client(`tenant ${number}`, world));
    const served = await during(clock, Promise.all(storm));

    const arrivals = served.map(({ arrivedAt }) => arrivedAt);
    expect(busiest(arrivals, terms.windowMs)).toBe(terms.limit);
    // Nearly all: a place that a client came too late for costs that client one more window.
    const inTime = arrivals.filter((at) => at - startedAt < 9 * terms.windowMs * 1.05);
    expect(inTime.length).toBeGreaterThan(0.99 * arrivals.length);
    expect(Math.max(...arrivals) - startedAt).toBeLessThan(10 * terms.windowMs * 1.05);
    const ratios = served.flatMap(({ told, arrivedAt }) =>
      told.map(({ at, seconds }) => (seconds * 1000) / (arrivedAt - at)),
    );
    const right = ratios.filter((ratio) => ratio >= 0.8 && ratio <= 1.2);
    expect(right.length / ratios.length).toBeGreaterThan(0.95);
    // The first window goes to whoever comes first; then tenants take turns for as long as they wait.
    const turns = served.filter(
      ({ arrivedAt }) =>
        arrivedAt > startedAt + terms.windowMs / 2 && arrivedAt < startedAt + 2.5 * terms.windowMs,
    );
    const waiting = sizes.map(
      (size, number) =>
        size -
        served.filter(({ tenant, told }) => tenant === `tenant ${number}` && told.length === 0)
          .length,
    );
    const share = fairShare(waiting, 2 * terms.limit);
    const shares = waiting.map((size, number) => {
      const got = turns.filter(({ tenant }) => tenant === `tenant ${number}`).length;
      return got / Math.min(size, share);
    });
    expect(jain(shares)).toBeGreaterThan(0.95);
  });

  it('never lets any window see more calls than the limit', async () => {
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
            end: fc.constantFrom('done', 'done', 'done', 'cancel', 'crash'),
            isBulk: fc.boolean(),
          }),
          { maxLength: 60 },
        ),
        async (terms, calls) => {
          const clock = new ManualClock();
          const budgets = replicas(terms.replicas, clock, terms);
          const arrivals: number[] = [];
          const work = calls.map(async ({ afterMs, callMs, on, end, isBulk }, number) => {
            await clock.sleep(afterMs);
            const budget = budgets[number % budgets.length];
            const priority = isBulk ? 'bulk' : 'interactive';
            const permit: Permit | undefined = await budget
              ?.acquire({ ...issue, tenant: `t${number % 3}`, priority })
              .catch(() => undefined);
            if (!permit) return;
            if (end === 'cancel') {
              permit.cancel();
              return;
            }
            await clock.sleep(callMs * on);
            arrivals.push(clock.now());
            await clock.sleep(callMs * (1 - on));
            if (end === 'done') permit.done();
          });
          await during(clock, Promise.all(work), 50);
          expect(busiest(arrivals, terms.windowMs)).toBeLessThanOrEqual(terms.limit);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('serves interactive calls before bulk ones, and keeps a part of each window for them', async () => {
    const clock = new ManualClock();
    const terms = { limit: 10, windowMs: 10_000, maxWaitMs: 5000 };
    const budget = replica(clock, terms);
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

  it('gives a small tenant its turn in the middle of the storm of a large one', async () => {
    const clock = new ManualClock();
    const terms = { limit: 10, windowMs: 4000, maxWaitMs: 5000 };
    const budget = replica(clock, terms);
    const world = { clock, random: dice(3), budgets: [budget] };
    const large = Promise.all(Array.from({ length: 60 }, async () => client('large', world)));
    await clock.advance(2000);
    const small = await during(clock, client('small', world));
    const served = await during(clock, large);
    const after = served.filter(({ arrivedAt }) => arrivedAt > small.arrivedAt).length;
    expect(after).toBeGreaterThanOrEqual(30);
  });

  it('frees the place of a caller who is gone', async () => {
    const clock = new ManualClock();
    const budget = replica(clock, { limit: 1, windowMs: 2000, maxWaitMs: 5000 });
    const first = await budget.acquire(issue);
    first.done();
    const gone = new AbortController();
    const waiting = budget.acquire({ ...issue, signal: gone.signal });
    const next = budget.acquire(issue);
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    (await during(clock, next)).done();
  });

  it('halves the limit at once when ACS refuses calls, and grows it back over windows', async () => {
    const clock = new ManualClock();
    const terms = { limit: 100, windowMs: 10_000, maxWaitMs: 1000 };
    const budget = replica(clock, terms);
    const perWindow = async (): Promise<number> => {
      const calls = Array.from({ length: 120 }, async () =>
        budget.acquire(issue).then(
          (permit) => {
            permit.done();
            return 1;
          },
          () => 0,
        ),
      );
      const done = await during(clock, Promise.all(calls));
      await clock.advance(terms.windowMs + 2000);
      return done.reduce<number>((sum, one) => sum + one, 0);
    };
    expect(await perWindow()).toBe(100);
    (await budget.acquire(issue)).done({ retryAfterSeconds: 3 });
    await clock.advance(20);
    await expect(during(clock, budget.acquire(issue))).rejects.toMatchObject({
      code: 'budget-exhausted',
      status: 429,
    });
    await clock.advance(terms.windowMs);
    const first = await perWindow();
    const second = await perWindow();
    expect(first).toBeLessThan(75);
    expect(second).toBeGreaterThan(first);
    for (let window = 0; window < 5; window += 1) await clock.advance(terms.windowMs);
    expect(await perWindow()).toBe(100);
  });

  it('says that the database is down instead of letting callers wait', async () => {
    const clock = new ManualClock();
    const broken = new MemoryBudgetLedgers(clock);
    broken.change = async () => Promise.reject(new DatabaseUnavailable());
    const budget = replica(clock, { limit: 1, windowMs: 2000, maxWaitMs: 5000 }, broken);
    await expect(budget.acquire(issue)).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('asks the ledger seldom when calls are few', async () => {
    const clock = new ManualClock();
    const ledgers = new MemoryBudgetLedgers(clock);
    const state = { turns: 0 };
    const change = ledgers.change.bind(ledgers);
    ledgers.change = async (key, work) => {
      state.turns += 1;
      return change(key, work);
    };
    const budget = replica(clock, { limit: 1000, windowMs: 30_000, maxWaitMs: 5000 }, ledgers);
    for (let call = 0; call < 200; call += 1) {
      (await budget.acquire(issue)).done();
      await clock.advance(50);
    }
    expect(state.turns).toBeLessThan(40);
  });
});

/** What each gets at most when all get the same and nothing is left over. */
function fairShare(sizes: readonly number[], available: number): number {
  let share = 0;
  while (sizes.reduce((sum, size) => sum + Math.min(size, share), 0) < available) share += 0.1;
  return share;
}

/** Jain's index: 1 when all have the same, 1/n when one has all. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((one, other) => one + other, 0);
  const squares = shares.reduce((one, other) => one + other * other, 0);
  return (sum * sum) / (shares.length * squares);
}
