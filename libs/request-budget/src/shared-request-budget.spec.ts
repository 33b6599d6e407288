import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { type Clock, DatabaseUnavailable, ManualClock, MemoryLogger } from '#libs/platform';
import { type WindowStore, MemoryWindowStore } from './window/window-store.js';
import { busiest, dice, simulate } from './testing/storm-simulation.js';
import { BudgetMetrics } from './metrics.js';
import { BudgetExhausted } from './errors.js';
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
  ledgers: WindowStore = new MemoryWindowStore(clock),
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

function replica(clock: Clock, terms: Terms, ledgers?: WindowStore): SharedRequestBudget {
  const [only] = replicas(1, clock, terms, ledgers);
  if (!only) throw new Error('no replica');
  return only;
}

const tenWindows = {
  ...{ seed: 7, limit: 60, windowMs: 30_000, maxWaitMs: 5000, replicas: 3 },
  tenants: [132, 108, 96, 84, 66, 48, 30, 18, 12, 6],
  callMs: { least: 40, usual: 250, most: 1500 },
};

function secondsOf({ retryAfterSeconds = Number.NaN }: BudgetExhausted): number {
  return retryAfterSeconds;
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
  it.each(['connection', 'request'] as const)(
    'brings a storm of ten windows through fairly, at the speed of the limit, with honest times (by %s)',
    async (balancing) => {
      const storm = await simulate({ ...tenWindows, balancing });
      expect(storm.served).toBe(600);
      expect(storm.calls).toBe(600);
      expect(storm.busiest).toBe(tenWindows.limit);
      expect(storm.totalMs).toBeLessThan(1.05 * 9 * tenWindows.windowMs);
      expect(storm.toldRight).toBeGreaterThan(0.95);
      expect(Math.min(...storm.fairness)).toBeGreaterThan(0.95);
    },
  );

  it('gives places to others when those do not come who were told to', async () => {
    const storm = await simulate({ ...tenWindows, noShows: 0.3, balancing: 'request' });
    expect(storm.missing).toBeGreaterThan(100);
    expect(storm.served + storm.missing).toBe(600);
    expect(storm.busiest).toBeLessThanOrEqual(tenWindows.limit);
    expect(Math.max(...storm.visits.map(({ told }) => told.length))).toBeLessThan(5);
  });

  it('serves everybody when replicas die in the middle of a storm', async () => {
    const deaths = [1500, 32_000, 64_000];
    const storm = await simulate({ ...tenWindows, deaths, balancing: 'connection' });
    expect(storm.served).toBe(600);
    expect(storm.busiest).toBeLessThanOrEqual(tenWindows.limit);
  });

  it('knows in every replica who was told to come back, and for when', async () => {
    const clock = new ManualClock();
    const terms = { limit: 10, windowMs: 30_000, maxWaitMs: 1000 };
    const [one, other] = replicas(2, clock, terms);
    const ask = async (budget: SharedRequestBudget | undefined, key: string): Promise<number> =>
      during(
        clock,
        Promise.resolve(budget?.acquire({ ...issue, key })).then(
          (permit) => {
            permit?.done();
            return 0;
          },
          (error: unknown) => (error instanceof BudgetExhausted ? secondsOf(error) : Number.NaN),
        ),
      );
    const people = Array.from({ length: 25 }, (_, number) => `person ${number}`);
    const told = await Promise.all(people.map(async (key) => ask(one, key)));
    expect(told.filter((seconds) => seconds === 0)).toHaveLength(10);
    const [first = ''] = people.filter((_key, nth) => (told[nth] ?? 0) > 0);
    const last = people.at(-1) ?? '';
    await clock.advance(5000);
    // Who comes too early is told the same time again, and is not behind newcomers.
    const newcomer = ask(other, 'newcomer');
    const again = await ask(other, last);
    expect(again).toBeLessThan(told.at(-1) ?? 0);
    expect(await newcomer).toBeGreaterThanOrEqual(again);
    expect(await ask(other, first)).toBeLessThan(27);
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
    const broken = new MemoryWindowStore(clock);
    broken.change = async () => Promise.reject(new DatabaseUnavailable());
    const budget = replica(clock, { limit: 1, windowMs: 2000, maxWaitMs: 5000 }, broken);
    await expect(budget.acquire(issue)).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('asks the ledger seldom when calls are few', async () => {
    const clock = new ManualClock();
    const ledgers = new MemoryWindowStore(clock);
    const state = { turns: 0 };
    const change = ledgers.change.bind(ledgers);
    ledgers.change = async (...turn) => {
      state.turns += 1;
      return change(...turn);
    };
    const budget = replica(clock, { limit: 1000, windowMs: 30_000, maxWaitMs: 5000 }, ledgers);
    for (let call = 0; call < 200; call += 1) {
      (await budget.acquire(issue)).done();
      await clock.advance(50);
    }
    expect(state.turns).toBeLessThan(40);
  });
});
