import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions, SystemClock } from '#libs/platform';
import { MemoryLogger, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { SlidingWindow } from '../../../../apps/emulator/src/sliding-window.js';
import { BudgetMetrics } from '../metrics.js';
import { BudgetExhausted } from '../errors.js';
import { PostgresWindowStore } from './postgres-window-store.js';
import type { AcsOperation } from '../request-budget.js';
import { SharedRequestBudget } from '../shared-request-budget.js';
import { describeWindowStore } from '../testing/window-store.contract.js';

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
  await database.close();
});

function replicas(limit: number, windowMs: number): SharedRequestBudget[] {
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
  } satisfies Record<AcsOperation, number>;
  return sources.map(
    (source) =>
      new SharedRequestBudget(
        new PostgresWindowStore(new Database(source)),
        { limits, windowMs, maxWaitMs: 5000, requesterShare: 0.05, timeoutMs: 1000 },
        {
          clock: new SystemClock(),
          logger: new MemoryLogger(),
          metrics: new BudgetMetrics(new Registry()),
        },
      ),
  );
}

describeWindowStore('PostgresWindowStore', async () => {
  const [one, other] = sources.map((source) => new PostgresWindowStore(new Database(source)));
  if (!one || !other) throw new Error('no database');
  return Promise.resolve([one, other]);
});

describe('PostgresWindowStore', () => {
  it('stores the state under the member names that other versions read', async () => {
    const [source] = sources;
    if (!source) throw new Error('no database');
    const store = new PostgresWindowStore(new Database(source));
    const key = { resource: 'stored', operation: 'issue' } as const;
    await store.update(key, { claim: [], add: [] }, (state) => ({
      state: { ...state, meanServiceMs: 250 },
      result: undefined,
    }));
    const [row] = await source.query<{ state: object }[]>(
      "SELECT state FROM acs_request_budget WHERE resource = 'stored'",
    );
    expect(row?.state).toMatchObject({ used: [], holders: {}, heldMs: 250, expectedUntil: 0 });
  });
});

describe('SharedRequestBudget over PostgreSQL', () => {
  it('keeps three replicas together below the limit, and uses all of it', async () => {
    const limit = 60;
    const windowMs = 2000;
    const windows = 3;
    const budgets = replicas(limit, windowMs);
    const acs = new SlidingWindow(limit, windowMs);
    const passed: boolean[] = [];
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
      passed.push(acs.tryPass(performance.now()) === 0);
      await delay(number % 20);
      permit.release();
    };
    await Promise.all(Array.from({ length: windows * limit }, async (_, number) => client(number)));
    expect(passed).toHaveLength(windows * limit);
    expect(passed).not.toContain(false);
    // Two windows are needed; the third is for a busy machine.
    expect(performance.now() - startedAt).toBeLessThan(windows * windowMs);
    for (const budget of budgets) await budget.beforeApplicationShutdown();
  });

  it('counts the calls of a replica that died as made', async () => {
    const [dying, living] = replicas(2, 2000);
    const request = { resource: 'crash', operation: 'create', tenant: 't' } as const;
    await dying?.acquire(request);
    await dying?.acquire(request);
    await expect(living?.acquire(request)).rejects.toBeInstanceOf(BudgetExhausted);
    for (const budget of [dying, living]) await budget?.beforeApplicationShutdown();
  });
});
