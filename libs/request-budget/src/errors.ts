import { type Facts, problem } from '#libs/platform';

/** The request can't get a permit while its caller waits. */
export class BudgetExhausted extends problem(
  'budget-exhausted',
  429,
  'Too many requests for now',
  'Azure Communication Services takes no more requests for now; repeat the request later.',
) {
  /**
   * @param retryAfterSeconds computed by `forecast/retry-after.ts`; 1 when the process shuts down
   * @param facts which budget it is
   */
  constructor(retryAfterSeconds: number, facts: Facts = {}) {
    super({ retryAfterSeconds, facts });
  }
}
