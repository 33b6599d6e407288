import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions, MemoryLogger, SystemClock } from '#libs/platform';
import { SlidingWindow } from '../../../../apps/emulator/src/sliding-window.js';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import type { ReservationChanges } from './window-store.js';
import { BudgetMetrics } from '../metrics.js';
import { BudgetExhausted } from '../errors.js';
import { PostgresWindowStore } from './postgres-window-store.js';
import type { AcsOperation } from '../request-budget.js';
import { SharedRequestBudget } from '../shared-request-budget.js';

const REPLICAS = 3;
let database: TestDatabase;
const sources: DataSource[] = [];

beforeAll(async () => {
  database = await testDatabase();
  for (let replica = 0; replica < REPLICAS; replica += 1) {
    const options = dataSourceOptions({ url: database.serviceUrl, poolSize: 2, timeoutMs: 3000 });
    sources.push(await new DataSource(options).initialize());
  }
});

afterAll(async () => {
  for (const source of sources) await source.destroy();
  await database.drop();
});

function replicas(limit: number, windowMs: number): SharedRequestBudget[] {
  const limits = {
    ...{ create: limit, createWithToken: limit, issue: limit },
    ...{ revoke: limit, delete: limit, exchange: limit },
  } satisfies Record<AcsOperation, number>;
  return sources.map(
    (source) =>
      new SharedRequestBudget(
        new PostgresWindowStore(new Database(source)),
        { limits, windowMs, maxWaitMs: 5000, timeoutMs: 1000 },
        {
          clock: new SystemClock(),
          logger: new MemoryLogger(),
          metrics: new BudgetMetrics(new Registry()),
        },
      ),
  );
}

describe('SharedRequestBudget over PostgreSQL', () => {
  it('keeps three replicas together below the limit, and uses all of it', async () => {
    const limit = 60;
    const windowMs = 2000;
    const windows = 3;
    const budgets = replicas(limit, windowMs);
    const acs = new SlidingWindow(limit, windowMs);
    const answers: boolean[] = [];
    const startedAt = performance.now();
    const client = async (number: number): Promise<void> => {
      const budget = budgets[number % budgets.length];
      const request = { resource: 'storm', operation: 'issue', tenant: `t${number % 10}` } as const;
      const permit = await budget?.acquire(request).catch(async (error: unknown) => {
        if (!(error instanceof BudgetExhausted)) throw error;
        await delay((error.retryAfterSeconds ?? 0) * 1000);
        return undefined;
      });
      if (!permit) return client(number + 1);
      await delay(number % 20);
      answers.push(acs.tryPass(performance.now()) === 0);
      await delay(number % 20);
      permit.done();
    };
    await Promise.all(Array.from({ length: windows * limit }, async (_, number) => client(number)));
    expect(answers).toHaveLength(windows * limit);
    expect(answers).not.toContain(false);
    // Two windows are needed; a third stands for the noise of a busy machine.
    expect(performance.now() - startedAt).toBeLessThan(windows * windowMs);
    for (const budget of budgets) await budget.onModuleDestroy();
  });

  it('knows in every replica who was told to come back, once, and forgets who never does', async () => {
    const [one, other] = sources.map((source) => new PostgresWindowStore(new Database(source)));
    const key = { resource: 'appointments', operation: 'issue' } as const;
    const told = [
      { key: 'first', turn: 3.25, inMs: 5000 },
      { key: 'second', turn: 1, inMs: 1000 },
      { key: 'second', turn: 2, inMs: 2000 },
      { key: 'gone', turn: 4, inMs: -31_000 },
    ];
    const asks = async (
      ledgers: PostgresWindowStore | undefined,
      book: ReservationChanges,
    ): Promise<Record<string, number> | undefined> =>
      ledgers?.change(key, book, (state, now, known) => ({
        state: { ...state, expectedUntil: now + 5000 },
        answer: Object.fromEntries([...known.values()].map((found) => [found.key, found.turn])),
      }));
    expect(await asks(one, { coming: ['first'], told })).toEqual({});
    const coming = ['first', 'second', 'gone', 'stranger'];
    expect(await asks(other, { coming, told: [] })).toEqual({ first: 3.25, second: 2 });
    expect(await asks(one, { coming, told: [] })).toEqual({});
  });

  it('counts the calls of a replica that died as made', async () => {
    const [dying, living] = replicas(2, 2000);
    const request = { resource: 'crash', operation: 'create', tenant: 't' } as const;
    await dying?.acquire(request);
    await dying?.acquire(request);
    await expect(living?.acquire(request)).rejects.toBeInstanceOf(BudgetExhausted);
    for (const budget of [dying, living]) await budget?.onModuleDestroy();
  });
});
