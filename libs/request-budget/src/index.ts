export { BudgetExhausted } from './errors.js';
export { BudgetMetrics } from './metrics.js';
export {
  type AcsOperation,
  type BudgetRequest,
  type Permit,
  RequestBudget,
  type Throttled,
} from './request-budget.js';
export { RequestBudgetModule, type RequestBudgetOptions } from './request-budget.module.js';
export { requestBudgetGrants, requestBudgetMigrations } from './schema/migrations.js';
export { budgetFields, budgetOf, type BudgetSettings } from './settings.js';
export { SharedRequestBudget } from './shared-request-budget.js';
export { PostgresWindowStoreModule } from './window/postgres-window-store.module.js';
export { PostgresWindowStore } from './window/postgres-window-store.js';
export { WindowStore } from './window/window-store.js';
