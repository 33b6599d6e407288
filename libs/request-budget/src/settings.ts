import { z } from 'zod';
import { ADVANCED, integer } from '#libs/platform';
import type { AcsOperation } from './request-budget.js';

function limit(standard: number, operation: string): z.ZodPrefault<z.ZodType<number, string>> {
  return integer(1, 1_000_000)
    .prefault(String(standard))
    .describe(
      `maximum number of calls per window that ${operation}, over all replicas; Azure's documented limit is ${standard}`,
    );
}

/** ACS documents no limit for assignments and these exchanges: these keep them from ever being the reason of one. */
function ownLimit(operation: string): z.ZodPrefault<z.ZodType<number, string>> {
  return integer(1, 1_000_000)
    .prefault('500')
    .describe(
      `maximum number of calls per window that ${operation}, over all replicas; Azure documents no limit`,
    )
    .meta(ADVANCED);
}

/** Environment variables of the request budget. The defaults are ACS's service limits for one resource. */
export const budgetFields = {
  ACS_BUDGET_CREATE: limit(1000, 'create an identity'),
  ACS_BUDGET_CREATE_WITH_TOKEN: limit(1000, 'create an identity with a token'),
  ACS_BUDGET_ISSUE: limit(1000, 'issue a token'),
  ACS_BUDGET_REVOKE: limit(500, 'revoke tokens'),
  ACS_BUDGET_DELETE: limit(500, 'delete an identity'),
  ACS_BUDGET_EXCHANGE: limit(500, 'exchange a Teams token'),
  ACS_BUDGET_EXCHANGE_TEAMS_EXTENSION: ownLimit('exchange a token for Teams Phone extensibility'),
  ACS_BUDGET_EXCHANGE_ENTRA: ownLimit('exchange a token of an Entra user directly'),
  ACS_BUDGET_ASSIGN: ownLimit('create or replace a Teams Phone assignment'),
  ACS_BUDGET_READ_ASSIGNMENT: ownLimit('read a Teams Phone assignment'),
  ACS_BUDGET_UNASSIGN: ownLimit('delete a Teams Phone assignment'),
  ACS_BUDGET_WINDOW_MS: integer(500, 3_600_000)
    .prefault('30000')
    .describe("length of the limits' window in milliseconds, 500 to 3600000; Azure's is 30000")
    .meta(ADVANCED),
  ACS_BUDGET_MAX_WAIT_MS: integer(100, 60_000)
    .prefault('5000')
    .describe(
      'maximum time in milliseconds that a request is queued before it gets 429 with Retry-After, 100 to 60000',
    )
    .meta(ADVANCED),
  ACS_BUDGET_REQUESTER_PERCENT: integer(1, 100)
    .prefault('2')
    .describe(
      'part of each limit, in percent, that one user, service or bot gets per window through one replica before others, 1 to 100; at least 10 calls; further requests are served while no other is queued, from four fifths of the window',
    )
    .meta(ADVANCED),
};

/** The limits, and how long a request is queued. */
export interface BudgetSettings {
  /** Calls per window, over all replicas. */
  readonly limits: Readonly<Record<AcsOperation, number>>;
  readonly windowMs: number;
  readonly maxWaitMs: number;
  /** The part of a limit that one requester gets per window through one replica before others, above 0 to 1. */
  readonly requesterShare: number;
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
      exchangeTeamsExtension: variables.ACS_BUDGET_EXCHANGE_TEAMS_EXTENSION,
      exchangeEntra: variables.ACS_BUDGET_EXCHANGE_ENTRA,
      assign: variables.ACS_BUDGET_ASSIGN,
      readAssignment: variables.ACS_BUDGET_READ_ASSIGNMENT,
      unassign: variables.ACS_BUDGET_UNASSIGN,
    },
    windowMs: variables.ACS_BUDGET_WINDOW_MS,
    maxWaitMs: variables.ACS_BUDGET_MAX_WAIT_MS,
    requesterShare: variables.ACS_BUDGET_REQUESTER_PERCENT / 100,
  };
}
