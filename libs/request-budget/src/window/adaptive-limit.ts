/** What follows for the limit when ACS answers 429: additive increase, multiplicative decrease. */
export interface AdaptiveLimit {
  /** The part of the configured limit in force, from `MIN_FACTOR` to 1. */
  readonly limitFactor: number;
  readonly limitFactorAt: number;
  /** No permit is granted before. */
  readonly blockedUntil: number;
}

const MIN_FACTOR = 0.1;
const DECREASE = 0.5;
/** Added to the factor in each window without throttling. */
const INCREASE_PER_WINDOW = 0.1;
/** Permits pause for a window divided by this at least. */
const MIN_PAUSE_DIVISOR = 10;
/** Permits pause for that many windows at most, whatever the answer said and however the clock was set. */
const MAX_PAUSE_WINDOWS = 4;

/**
 * Raises the limit with time, and halves it and pauses when ACS throttled a call. Throttling that is
 * reported during the pause has the same cause: it may extend the pause but doesn't halve again.
 */
export function adaptLimit(
  { limitFactor, limitFactorAt, blockedUntil }: AdaptiveLimit,
  throttled: { readonly retryAfterMs?: number } | undefined,
  { now, windowMs }: { readonly now: number; readonly windowMs: number },
): AdaptiveLimit {
  const elapsed = Math.max(0, now - limitFactorAt);
  const increased = Math.min(1, limitFactor + (INCREASE_PER_WINDOW * elapsed) / windowMs);
  const latest = now + MAX_PAUSE_WINDOWS * windowMs;
  const isPaused = now < blockedUntil;
  if (!throttled) {
    const until = Math.min(blockedUntil, latest);
    return { limitFactor: increased, limitFactorAt: now, blockedUntil: until };
  }
  const pauseMs = Math.max(windowMs / MIN_PAUSE_DIVISOR, throttled.retryAfterMs ?? 0);
  return {
    limitFactor: isPaused ? increased : Math.max(MIN_FACTOR, increased * DECREASE),
    limitFactorAt: now,
    blockedUntil: Math.min(Math.max(blockedUntil, now + pauseMs), latest),
  };
}
