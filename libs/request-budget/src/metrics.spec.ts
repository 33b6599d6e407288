import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { BudgetMetrics } from './metrics.js';
import { SharedRequestBudget } from './shared-request-budget.js';
import { MemoryWindowStore } from './testing/memory-window-store.js';

it('shows the limit in force, which throttling halves and time restores', async () => {
  const [clock, registry] = [new ManualClock(), new Registry()];
  const limits = {
    ...{ create: 100, createWithToken: 100, issue: 100, revoke: 100, delete: 100, exchange: 100 },
    ...{
      assign: 100,
      readAssignment: 100,
      unassign: 100,
      exchangeTeamsExtension: 100,
      exchangeEntra: 100,
    },
  };
  const settings = {
    limits,
    windowMs: 30_000,
    maxWaitMs: 5_000,
    requesterShare: 1,
    timeoutMs: 500,
  };
  const budget = new SharedRequestBudget(new MemoryWindowStore(clock), settings, {
    ...{ clock, logger: new MemoryLogger(), metrics: new BudgetMetrics(registry) },
  });
  const valueOf = async (name: string): Promise<number | undefined> => {
    const metric = await registry.getSingleMetric(name)?.get();
    return metric?.values[0]?.value;
  };
  const permit = await budget.acquire({ resource: 'default', operation: 'issue' });
  expect(await valueOf('acs_budget_limit')).toBe(100);

  permit.release({ throttled: {} });
  await expect.poll(async () => valueOf('acs_budget_limit')).toBe(50);
  expect(await valueOf('acs_budget_configured_limit')).toBe(100);

  await clock.advance(10 * 30_000);
  expect(await valueOf('acs_budget_limit')).toBe(100);
});
