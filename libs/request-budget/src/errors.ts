import { ServiceError } from '#libs/platform';

/** More calls want to be made than ACS takes in the time that a caller is kept waiting. */
export class BudgetExhausted extends ServiceError {
  override readonly code = 'budget-exhausted';
  override readonly status = 429;
  override readonly title = 'Too many requests for now';

  /** @param retryAfterSeconds when the caller's turn is going to be */
  constructor(retryAfterSeconds: number) {
    super(
      'Azure Communication Services takes no more requests for now; repeat the request later.',
      {
        retryAfterSeconds,
      },
    );
  }
}
