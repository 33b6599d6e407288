const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 5 * 60_000;
/** A receiver may say later, but not so late that nobody would notice that it works again. */
export const MAX_RETRY_PAUSE_MS = 60 * 60_000;

/**
 * The pause before the next attempt: doubles with each failure up to five minutes, less a random part of up
 * to a quarter so that sinks spread, and is never shorter than the receiver demands.
 *
 * @param failureCount failures in a row before this one
 */
export function retryPauseMs(
  failureCount: number,
  retryAfterMs = 0,
  random = Math.random(),
): number {
  const grown = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failureCount, 20), MAX_PAUSE_MS);
  return Math.max(grown * (1 - random / 4), Math.min(retryAfterMs, MAX_RETRY_PAUSE_MS));
}

/**
 * The wait that a response demands in `Retry-After` (RFC 9110, section 10.2.3).
 *
 * @param value seconds or a date
 * @param now milliseconds since 1970
 * @returns milliseconds; `undefined` for none and for a value that is neither
 */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // Date.parse reads numbers and names of months alike.
  const at = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
