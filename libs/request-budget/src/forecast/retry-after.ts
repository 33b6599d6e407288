import { type CapacityForecast, capacityWithin, nextReleaseMs } from './capacity-forecast.js';

/** From the end of the `Retry-After` time until the repeated request is queued. */
const ROUND_TRIP_MS = 400;
/** A factor of error that costs nothing: less than the promised 20 %, as a reserve. */
const TOLERATED_ERROR = 1.15;
/** The cost of being served one cycle late, compared with a factor of error. */
const CYCLE_LOST_COST = 2;
const MAX_CANDIDATES = 20;

/**
 * The `Retry-After` of a deferred request. It is shorter than the estimated wait, by a random time,
 * so that clients return before their permits are released and not all at once. They queue for the
 * rest.
 *
 * Permits are released in bursts. A client that returns after its release gets a later one, unless
 * so few requests are queued that its own is still free. Each candidate is rated by the error of the
 * estimate that the client sees and by the time that it loses.
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
  // 0.13 keeps the error below the tolerated one; half of `maxWaitMs` leaves time to queue.
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
