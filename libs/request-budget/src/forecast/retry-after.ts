import { type CapacityForecast, capacityWithin, nextReleaseMs } from './capacity-forecast.js';

/** From the end of the `Retry-After` time until the repeated request is queued. */
const ROUND_TRIP_MS = 400;
/** An estimate is meant to be right within 20 %; the rest of that is for what can't be foreseen. */
const TOLERATED_ERROR = 1.15;
/** The cost of being served one whole cycle late, as a factor of wrong estimates. */
const CYCLE_LOST_COST = 2;
const MAX_CANDIDATES = 20;

/**
 * The `Retry-After` of a deferred request: somewhat less than its wait, by a random part, so that
 * clients neither return at the same instant nor after their permits were released. They queue for
 * the rest.
 *
 * Permits are released in bursts. A client that returns after its own release takes a later one,
 * unless so few are queued that its own is still left. So a time that would be too short by more
 * than `TOLERATED_ERROR` is extended to where the next release is near enough.
 *
 * @param deferred.waitMs estimated wait of the request
 * @param deferred.random from 0 to below 1
 * @returns whole seconds, at least 1
 */
export function retryAfterSeconds(
  deferred: { readonly waitMs: number; readonly maxWaitMs: number; readonly random: number },
  forecast: CapacityForecast,
): number {
  const { waitMs, maxWaitMs, random } = deferred;
  const { meanServiceMs, cycleMs } = forecast;
  const earlyMs = Math.min((waitMs + meanServiceMs) * 0.13, maxWaitMs * (0.3 + 0.2 * random));
  const first = Math.max(1, Math.ceil((waitMs + meanServiceMs - earlyMs) / 1000));
  const later = Array.from({ length: MAX_CANDIDATES }, (_, nth) => first + 1 + nth);
  let best = { seconds: first, cost: Number.POSITIVE_INFINITY };
  for (const seconds of [first, Math.max(1, first - 1), ...later]) {
    const returnMs = seconds * 1000 + ROUND_TRIP_MS;
    const isLeft = waitMs <= maxWaitMs && capacityWithin(forecast, returnMs) >= forecast.queued;
    const servedMs =
      returnMs <= waitMs || isLeft ? Math.max(waitMs, returnMs) : nextReleaseMs(forecast, returnMs);
    const error = Math.max(TOLERATED_ERROR, (servedMs + meanServiceMs) / (seconds * 1000));
    const cost = error + (CYCLE_LOST_COST * (servedMs - waitMs)) / cycleMs;
    if (cost < best.cost) best = { seconds, cost };
  }
  return best.seconds;
}
