import { MAX_RETRY_PAUSE_MS } from '../time/retry-pause.js';

/**
 * SQL: whether somebody holds the lease of a row. One without an end, or with an end that is later than that
 * of any lease, was not given by the service and holds nothing up.
 *
 * @param maxMs the longest lease that any configuration gives
 */
export function isLeased(maxMs: number): string {
  return `(lease_holder IS NOT NULL AND
    coalesce(lease_expires_at BETWEEN now() AND now() + ${maxMs} * interval '1 ms', false))`;
}

/** Of work at ACS, in any configuration (6 min), and some for clocks that are set. */
const MAX_WORK_LEASE_MS = 10 * 60_000;

/**
 * SQL: whether the lease of work at ACS is over; unknown without one. One with an end that is later than
 * that of any lease was not given by the service, and counts as over.
 *
 * @param now clock_timestamp() in a transaction that may have waited, `now()` for what an index is to find
 */
export function isWorkLeaseOver(now: 'clock_timestamp()' | 'now()'): string {
  return `(lease_expires_at < ${now}
    OR lease_expires_at > ${now} + ${MAX_WORK_LEASE_MS} * interval '1 ms')`;
}

/** SQL: milliseconds to the next attempt of a row; 0 also for a time that is later than any pause. */
export const RETRY_IN_MS = `CASE
    WHEN retry_at BETWEEN now() AND now() + ${MAX_RETRY_PAUSE_MS} * interval '1 ms'
    THEN (extract(epoch FROM retry_at - now()) * 1000)::float8 ELSE 0 END`;
