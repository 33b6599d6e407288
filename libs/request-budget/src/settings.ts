import { z } from 'zod';
import { wholeNumber } from '#libs/platform';
import type { AcsOperation } from './request-budget.js';

function limit(standard: number, operation: string): z.ZodPrefault<z.ZodType<number, string>> {
  return wholeNumber(1, 1_000_000)
    .prefault(String(standard))
    .describe(
      `calls in one window at most that ${operation}, over all replicas; Azure's documented limit is ${standard}`,
    );
}

/** Limits of Azure Communication Services for one resource: its page on service limits. */
export const budgetFields = {
  ACS_BUDGET_CREATE: limit(1000, 'create an identity'),
  ACS_BUDGET_CREATE_WITH_TOKEN: limit(1000, 'create an identity with a token'),
  ACS_BUDGET_ISSUE: limit(1000, 'issue a token'),
  ACS_BUDGET_REVOKE: limit(500, 'revoke tokens'),
  ACS_BUDGET_DELETE: limit(500, 'delete an identity'),
  ACS_BUDGET_EXCHANGE: limit(500, 'exchange a Teams token'),
  ACS_BUDGET_WINDOW_MS: wholeNumber(500, 3_600_000)
    .prefault('30000')
    .describe("milliseconds of the window that the limits are for; Azure's is 30000"),
  ACS_BUDGET_MAX_WAIT_MS: wholeNumber(100, 60_000)
    .prefault('5000')
    .describe(
      'milliseconds that a request waits for its turn at most before it is told when to come back, 100 to 60000',
    ),
};

/** How many calls may be made, and how long a caller waits for one. */
export interface BudgetSettings {
  readonly limits: Readonly<Record<AcsOperation, number>>;
  readonly windowMs: number;
  readonly maxWaitMs: number;
}

export function budgetOf(variables: z.output<z.ZodObject<typeof budgetFields>>): BudgetSettings {
  return {
    limits: {
      create: variables.ACS_BUDGET_CREATE,
      createWithToken: variables.ACS_BUDGET_CREATE_WITH_TOKEN,
      issue: variables.ACS_BUDGET_ISSUE,
      revoke: variables.ACS_BUDGET_REVOKE,
      delete: variables.ACS_BUDGET_DELETE,
      exchange: variables.ACS_BUDGET_EXCHANGE,
    },
    windowMs: variables.ACS_BUDGET_WINDOW_MS,
    maxWaitMs: variables.ACS_BUDGET_MAX_WAIT_MS,
  };
}
