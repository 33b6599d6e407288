import { type Permit, RequestBudget } from '../request-budget.js';

/** A request budget without limits, for tests and tools that make few calls. */
export class UnboundedRequestBudget extends RequestBudget {
  async acquire(): Promise<Permit> {
    return Promise.resolve({ usableForMs: () => 5000, release: () => undefined });
  }
}
