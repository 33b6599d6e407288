import type { MigrationInterface } from 'typeorm';
import { RequestBudget1795460000000 } from './create-request-budget.js';

/** Migrations of the request budget, oldest first. */
export const requestBudgetMigrations: readonly (new () => MigrationInterface)[] = [
  RequestBudget1795460000000,
];

/** Privileges of the service's role. */
export const requestBudgetGrants = [
  { table: 'acs_request_budget', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  { table: 'acs_budget_appointment', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
] as const;
