import { FairQueue } from '../window/fair-queue.js';
import type { Waiter, WaitQueue } from '../replica/wait-queue.js';
import type { Allocation } from '../window/replica-report.js';
import { estimatedWaitMs } from './capacity-forecast.js';

/** A request that can't be served in time. */
export interface LateWaiter {
  readonly waiter: Waiter;
  readonly waitMs: number;
}

/** A request whose wait is this many times `maxWaitMs` is deferred late: the delay costs it nothing. */
const LONG_WAIT = 2;

/**
 * The part of `maxWaitMs` after which it is decided whether a request can be served in time. Later,
 * more is known of the requests that arrived together with it. A request that returned for its due
 * reservation is not deferred again early.
 */
const DECIDE_AFTER = { early: 0.5, late: 0.8 };

/**
 * The queued requests that can't be served within `maxWaitMs`.
 *
 * @param context.overbooked how many positions earlier than its own a request is expected to be
 *   served, because some clients don't return for their reservations
 */
export function lateWaiters(
  waiting: WaitQueue,
  allocation: Allocation,
  context: { readonly now: number; readonly maxWaitMs: number; readonly overbooked: number },
): LateWaiter[] {
  const { now, maxWaitMs, overbooked } = context;
  const queue = new FairQueue(allocation.queue);
  const { backlog } = queue;
  const positions = [
    ...waiting.tagged.map((waiter) => [waiter, queue.position(waiter.tag)] as const),
    ...waiting.bulk.map((waiter, nth) => [waiter, backlog + nth + 1] as const),
  ];
  return positions.flatMap(([waiter, position]) => {
    const ahead = allocation.inService + overbooked;
    const waitMs = estimatedWaitMs(allocation, Math.max(1, position - ahead));
    const { enqueuedAt, isReservationDue = false } = waiter;
    const waited = { waitMs, waitedMs: now - enqueuedAt, isReservationDue };
    return shouldDefer(waited, maxWaitMs) ? [{ waiter, waitMs }] : [];
  });
}

function shouldDefer(
  request: {
    readonly waitMs: number;
    readonly waitedMs: number;
    readonly isReservationDue: boolean;
  },
  maxWaitMs: number,
): boolean {
  const { waitMs, waitedMs, isReservationDue } = request;
  const isLate = isReservationDue || waitMs > LONG_WAIT * maxWaitMs;
  if (waitedMs < (isLate ? DECIDE_AFTER.late : DECIDE_AFTER.early) * maxWaitMs) return false;
  return waitedMs >= maxWaitMs || waitMs > maxWaitMs - waitedMs;
}
