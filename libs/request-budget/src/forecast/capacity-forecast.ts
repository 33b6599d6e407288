import type { WindowState } from '../window/window-state.js';

/** When capacity will be released, in ms from the reconciliation that computed it. */
export interface CapacityForecast {
  /** Permits that could be granted now. */
  readonly free: number;
  /** When how many permits are released, as far as is known. Sorted. */
  readonly releases: readonly (readonly [inMs: number, count: number])[];
  /** How long no permit is granted, because ACS throttled calls. */
  readonly blockedForMs: number;
  /** The time from one use of a permit to the next while requests are queued. */
  readonly cycleMs: number;
  /** Mean time from the grant of a permit to the end of its call. */
  readonly meanServiceMs: number;
  /** Requests queued over all replicas. */
  readonly queued: number;
}

/** A replica's report is ignored after this time; replicas with queued requests report more often. */
export const REPORT_TTL_MS = 1500;
/** A new sample's weight in a moving average is its share of this many permits at least. */
const MIN_SAMPLE = 20;

/** The time from the end of a call to the reuse of its permit: the window plus 0.1 % + 10 ms for clock skew. */
export function recycleMs(windowMs: number): number {
  return windowMs * 1.001 + 10;
}

/**
 * When the permits in use are released.
 *
 * @param excess permits in use above the limit: as many of the first releases add no capacity
 */
export function releasesOf(
  { finishedCalls, leases, meanServiceMs }: WindowState,
  { now, windowMs, excess }: { now: number; windowMs: number; excess: number },
): [number, number][] {
  const expected = leases.map(({ grantedAt, count }): [number, number] => [
    Math.max(0, grantedAt + meanServiceMs + recycleMs(windowMs) - now),
    count,
  ]);
  const known = finishedCalls.map(([releasedAt, count]): [number, number] => [
    releasedAt - now,
    count,
  ]);
  let left = excess;
  return [...known, ...expected]
    .sort(([a], [b]) => a - b)
    .map(([inMs, count]): [number, number] => {
      const dropped = Math.min(left, count);
      left -= dropped;
      return [inMs, count - dropped];
    })
    .filter(([, count]) => count > 0);
}

/**
 * How long the request at a position of the queue waits for its permit: for one of the known
 * releases, or for the same permits again, one cycle later each time.
 */
export function estimatedWaitMs(
  { free, releases, blockedForMs, cycleMs }: CapacityForecast,
  position: number,
): number {
  const perCycle = Math.max(1, free + sum(releases.map(([, count]) => count)));
  const cycles = Math.floor((position - 1) / perCycle);
  const inCycle = position - cycles * perCycle;
  let available = free;
  let waitMs = 0;
  for (const [inMs, count] of releases) {
    if (available >= inCycle) break;
    available += count;
    waitMs = inMs;
  }
  return Math.max(blockedForMs, waitMs) + cycles * cycleMs;
}

/**
 * Updates the mean time that free capacity stays unused. Only time with queued requests counts:
 * without them, unused capacity says nothing about the next cycle.
 *
 * @param granted permits granted to queued requests now
 */
export function meanIdleMs(
  { finishedCalls, leases, replicas, updatedAt, meanIdleMs: mean }: WindowState,
  granted: number,
  { now, limit }: { now: number; limit: number },
): number {
  const wasQueued = Object.values(replicas).some(
    ({ queuedTags, reportedAt }) => queuedTags.length > 0 && reportedAt > now - REPORT_TTL_MS,
  );
  if (!wasQueued || granted === 0) return mean;
  const inUse =
    sum(finishedCalls.map(([, count]) => count)) + sum(leases.map(({ count }) => count));
  const released = finishedCalls.filter(([at]) => at > updatedAt && at <= now);
  const idleMs =
    Math.max(0, limit - inUse) * (now - updatedAt) +
    sum(released.map(([at, count]) => (now - at) * count));
  const weight = Math.min(1, granted / Math.max(MIN_SAMPLE, limit / 2));
  return Math.max(0, mean + (idleMs / granted - mean) * weight);
}

/** How many permits will be released by then. */
export function capacityWithin({ free, releases }: CapacityForecast, withinMs: number): number {
  return free + sum(releases.filter(([inMs]) => inMs <= withinMs).map(([, count]) => count));
}

/** When the first permit is released at that time or later. */
export function nextReleaseMs({ releases, cycleMs }: CapacityForecast, fromMs: number): number {
  const [first] = releases;
  if (!first) return fromMs;
  const cycles = Math.max(0, Math.floor((fromMs - first[0]) / cycleMs));
  const inCycle = fromMs - cycles * cycleMs;
  const next = releases.find(([inMs]) => inMs >= inCycle)?.[0] ?? first[0] + cycleMs;
  return next + cycles * cycleMs;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
