import type { Throttled } from '#libs/request-budget';
import type { AzureFault } from '#libs/secrets';
import { UpstreamThrottled } from '../errors.js';

/**
 * What happens when ACS answers 429.
 *
 * The caller gets 503 `acs-throttled` with ACS's `Retry-After`, and the call is not repeated. The
 * permit is released as throttled, on which the request budget lowers the limit of all replicas
 * (`libs/request-budget/src/window/adaptive-limit.ts`).
 */
export function throttledFailure(cause: AzureFault): {
  readonly refusal: UpstreamThrottled;
  readonly throttled: Throttled;
} {
  const { retryAfterSeconds } = cause;
  return {
    refusal: new UpstreamThrottled({ cause, ...retryAfterOf(cause) }),
    throttled: retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
  };
}

/** ACS's own `Retry-After`, at least 1; without it, the error's default applies. */
export function retryAfterOf({ retryAfterSeconds }: AzureFault): { retryAfterSeconds?: number } {
  return retryAfterSeconds === undefined
    ? {}
    : { retryAfterSeconds: Math.max(1, retryAfterSeconds) };
}
