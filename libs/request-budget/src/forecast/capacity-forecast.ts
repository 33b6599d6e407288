import type { WindowState } from '../window/window-state.js';

/** When places get free, in ms from the ledger's turn. */
export interface CapacityForecast {
  /** What is free still. */
  readonly free: number;
  /** When how many get free, as far as is known. Sorted. */
  readonly frees: readonly (readonly [inMs: number, count: number])[];
  readonly blockedForMs: number;
  /** After so long a place that was taken is free and taken again, while people wait. */
  readonly cycleMs: number;
  /** How long a call takes on average, from its grant on. */
  readonly heldMs: number;
  /** How many wait for one now, in all replicas. */
  readonly waiting: number;
}

/** What a replica reported counts for so long; it asks far more often while somebody waits. */
export const REPORT_MS = 1500;

/** The time from the end of a call until the next may take its place; longer than the window by a hair. */
export function recycleMs(windowMs: number): number {
  return windowMs * 1.001 + 10;
}

/**
 * When the places get free that are taken now.
 *
 * @param over so many must get free first before one may be taken again
 */
export function releasesOf(
  { used, leases, heldMs }: WindowState,
  { now, windowMs, over }: { now: number; windowMs: number; over: number },
): [number, number][] {
  const expected = leases.map(({ grantedAt, count }): [number, number] => [
    Math.max(0, grantedAt + heldMs + recycleMs(windowMs) - now),
    count,
  ]);
  const known = used.map(([freeAt, count]): [number, number] => [freeAt - now, count]);
  let left = over;
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
 * When so many calls will have been made, in ms from the ledger's turn: first in the places that are
 * known to get free, then in the same ones again, a cycle later each time.
 */
export function estimatedWaitMs(
  { free, frees, blockedForMs, cycleMs }: CapacityForecast,
  place: number,
): number {
  const inWindow = Math.max(1, free + sum(frees.map(([, count]) => count)));
  const cycles = Math.floor((place - 1) / inWindow);
  const rest = place - cycles * inWindow;
  let reached = free;
  let inMs = 0;
  for (const [freeInMs, count] of frees) {
    if (reached >= rest) break;
    reached += count;
    inMs = freeInMs;
  }
  return Math.max(blockedForMs, inMs) + cycles * cycleMs;
}

/**
 * Counts the time that places stood free since the last turn, while somebody was waiting: that they
 * stand free when nobody is there tells nothing of how long the next one will.
 */
export function idleTime(
  { used, leases, holders, changedAt, idleMs }: WindowState,
  granted: number,
  { now, limit }: { now: number; limit: number },
): number {
  const isWaiting = Object.values(holders).some(
    ({ turns, seenAt }) => turns.length > 0 && seenAt > now - REPORT_MS,
  );
  if (!isWaiting || granted === 0) return idleMs;
  const inUse = sum(used.map(([, count]) => count)) + sum(leases.map(({ count }) => count));
  const freed = used.filter(([freeAt]) => freeAt > changedAt && freeAt <= now);
  const stoodFree =
    Math.max(0, limit - inUse) * (now - changedAt) +
    sum(freed.map(([freeAt, count]) => (now - freeAt) * count));
  const part = Math.min(1, granted / Math.max(20, limit / 2));
  return Math.max(0, idleMs + (stoodFree / granted - idleMs) * part);
}

/** How many places get free until then, in ms from the ledger's turn. */
export function freeBy({ free, frees }: CapacityForecast, untilMs: number): number {
  return free + sum(frees.filter(([inMs]) => inMs <= untilMs).map(([, count]) => count));
}

/** When a place gets free that long from the ledger's turn, or as soon as possible after. */
export function nextMs({ frees, cycleMs }: CapacityForecast, fromMs: number): number {
  const [first] = frees;
  if (!first) return fromMs;
  const cycles = Math.max(0, Math.floor((fromMs - first[0]) / cycleMs));
  const inCycle = fromMs - cycles * cycleMs;
  const next = frees.find(([inMs]) => inMs >= inCycle)?.[0] ?? first[0] + cycleMs;
  return next + cycles * cycleMs;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
