/** What a login storm is measured by: fairness, accuracy of `Retry-After`, and calls per window. */

/** How one client fared. Times are ms from the start of the storm. */
export interface Visit {
  readonly tenant: string;
  /** Absent when the client gave up. */
  readonly servedAtMs: number | undefined;
  readonly deferrals: readonly Deferral[];
}

/** An answer 429 with its `Retry-After`. */
export interface Deferral {
  readonly atMs: number;
  readonly seconds: number;
}

/**
 * Which replica a client's next try goes to: by `connection` always the same one, by `request` any
 * one.
 */
export type Balancing = 'connection' | 'request';

/** The share of deferrals whose `Retry-After` was within `tolerance` of the time until served. */
export function retryAfterAccuracy(visits: readonly Visit[], tolerance: number): number {
  const isAccurate = visits.flatMap(({ deferrals, servedAtMs }) =>
    deferrals.map(({ atMs, seconds }) => {
      const actualMs = (servedAtMs ?? Number.POSITIVE_INFINITY) - atMs;
      return Math.abs(actualMs - seconds * 1000) <= tolerance * actualMs;
    }),
  );
  return isAccurate.length === 0 ? 1 : isAccurate.filter(Boolean).length / isAccurate.length;
}

/**
 * Jain's index of what the groups got until `share` of all clients were served, each relative to its
 * max-min fair share: equal parts, but no group more than its demand, the rest to the others.
 *
 * @param groupOf default: the tenant
 */
export function fairness<V extends Visit>(
  visits: readonly V[],
  share: number,
  groupOf: (visit: V) => string = ({ tenant }) => tenant,
): number {
  const times = visits.map(({ servedAtMs = Number.POSITIVE_INFINITY }) => servedAtMs);
  const count = Math.floor(times.length * share);
  const until = times.toSorted((a, b) => a - b)[count - 1] ?? 0;
  const groups = Map.groupBy(visits, groupOf);
  const demand = new Map([...groups].map(([group, { length }]) => [group, length]));
  const shares = maxMinShares(demand, count);
  const ratios = [...groups].map(([group, its]) => {
    const got = its.filter(({ servedAtMs = Number.POSITIVE_INFINITY }) => servedAtMs <= until);
    return got.length / (shares.get(group) ?? 1);
  });
  const sum = ratios.reduce((one, other) => one + other, 0);
  const squares = ratios.reduce((one, other) => one + other ** 2, 0);
  return sum ** 2 / (ratios.length * squares);
}

function maxMinShares(demand: ReadonlyMap<string, number>, total: number): Map<string, number> {
  const shares = new Map<string, number>();
  let rest = total;
  for (const [index, [tenant, wanted]] of [...demand].sort(([, a], [, b]) => a - b).entries()) {
    const share = Math.min(wanted, rest / (demand.size - index));
    shares.set(tenant, share);
    rest -= share;
  }
  return shares;
}

/** The highest number of calls in any stretch of one window. */
export function maxPerWindow(arrivals: readonly number[], windowMs: number): number {
  const sorted = arrivals.toSorted((a, b) => a - b);
  let from = 0;
  let max = 0;
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] ?? at) >= windowMs) from += 1;
    max = Math.max(max, to - from + 1);
  }
  return max;
}

/**
 * How long calls of these durations take, in ms, when each of `limit` permits is used from the moment
 * it is free: a window after the end of its call.
 */
export function shortestMs(
  durations: readonly number[],
  { limit, windowMs }: { readonly limit: number; readonly windowMs: number },
): number {
  const ends: number[] = [];
  const ended = durations.map((duration, nth) => {
    // The first of `ends` is the one that is free first.
    const free = nth < limit ? 0 : (ends.shift() ?? 0) + windowMs;
    const end = free + duration;
    ends.splice(ends.findLastIndex((other) => other <= end) + 1, 0, end);
    return end;
  });
  return Math.max(0, ...ended);
}
