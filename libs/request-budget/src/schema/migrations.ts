import type { MigrationInterface } from 'typeorm';
import type { TableGrant } from '#libs/platform';
import { RequestBudget1795460000000 } from './create-request-budget.js';

/** Migrations of the request budget, oldest first. */
export const requestBudgetMigrations: readonly (new () => MigrationInterface)[] = [
  RequestBudget1795460000000,
];

export const requestBudgetGrants: readonly TableGrant[] = [
  { table: 'acs_request_budget', insert: ['resource', 'operation'], update: ['state'] },
  { table: 'acs_budget_appointment', insert: 'all', update: ['turn', 'due_at'], delete: true },
];
