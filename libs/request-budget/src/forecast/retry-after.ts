import { freeBy, nextMs, type CapacityForecast } from './capacity-forecast.js';

/** A client's way back, and its call's way to the queue. */
const WAY_MS = 400;
/** A time told is meant to be right within a fifth; the rest is for what can't be foreseen. */
const TOLERANCE = 1.15;
/** Coming a whole cycle after one's turn is as bad as a time that is wrong by so much. */
const LOST_TURN = 2;
const MOST_TRIES = 20;

/**
 * Parts of the longest wait after which it is judged whether the rest will do. Whose turn is far off
 * is told late: nothing is lost by that, and by then those are known who came at the same time.
 */
const JUDGED_AFTER = { soon: 0.5, late: 0.8 };

/**
 * @param waiter.inMs when its turn comes
 * @param waiter.isDue it was told to come about now, and is not sent away again in haste
 */
export function shouldDefer(
  waiter: { readonly inMs: number; readonly waitedMs: number; readonly isDue: boolean },
  maxWaitMs: number,
): boolean {
  const { inMs, waitedMs, isDue } = waiter;
  const isLate = isDue || inMs > 2 * maxWaitMs;
  if (waitedMs < (isLate ? JUDGED_AFTER.late : JUDGED_AFTER.soon) * maxWaitMs) return false;
  return waitedMs >= maxWaitMs || inMs > maxWaitMs - waitedMs;
}

/**
 * When to come back for a turn: a little before it, each caller differently, so that not all come at
 * once and that nobody's place is lost who comes late. What is left is spent waiting.
 *
 * Places get free in bursts. A caller who comes back after its turn takes the next place instead,
 * unless so few wait that its own is left, so that a time too short to be kept is made longer, up to
 * where another place is soon enough.
 *
 * @param turn.inMs when its turn comes
 * @param turn.random from 0 to below 1
 * @returns whole seconds
 */
export function retryAfterSeconds(
  turn: { readonly inMs: number; readonly maxWaitMs: number; readonly random: number },
  openings: CapacityForecast,
): number {
  const { inMs, maxWaitMs, random } = turn;
  const { heldMs, cycleMs } = openings;
  const earlyMs = Math.min((inMs + heldMs) * 0.13, maxWaitMs * (0.3 + 0.2 * random));
  const first = Math.max(1, Math.ceil((inMs + heldMs - earlyMs) / 1000));
  const later = Array.from({ length: MOST_TRIES }, (_, nth) => first + 1 + nth);
  let best = { seconds: first, cost: Number.POSITIVE_INFINITY };
  for (const seconds of [first, Math.max(1, first - 1), ...later]) {
    const backMs = seconds * 1000 + WAY_MS;
    const isLeft = inMs <= maxWaitMs && freeBy(openings, backMs) >= openings.waiting;
    const placeMs = backMs <= inMs || isLeft ? Math.max(inMs, backMs) : nextMs(openings, backMs);
    const wrong = Math.max(TOLERANCE, (placeMs + heldMs) / (seconds * 1000));
    const cost = wrong + (LOST_TURN * (placeMs - inMs)) / cycleMs;
    if (cost < best.cost) best = { seconds, cost };
  }
  return best.seconds;
}
