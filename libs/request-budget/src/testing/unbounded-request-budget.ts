import { type Permit, RequestBudget } from '../request-budget.js';

/** Lets every call through, for tests and tools that make few. */
export class UnboundedRequestBudget extends RequestBudget {
  async acquire(): Promise<Permit> {
    return Promise.resolve({ done: () => undefined, cancel: () => undefined });
  }
}
