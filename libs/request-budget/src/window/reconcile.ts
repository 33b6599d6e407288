import {
  type CapacityForecast,
  meanIdleMs,
  recycleMs,
  releasesOf,
  REPORT_TTL_MS,
} from '../forecast/capacity-forecast.js';
import { adaptLimit } from './adaptive-limit.js';
import { FairQueue } from './fair-queue.js';
import {
  type Allocation,
  type ArrivalTag,
  MAX_REPORTED,
  type ReplicaReport,
  type Reservation,
  RESERVATION_GRACE_MS,
  SLOTS_PER_WINDOW,
  type WindowLimits,
} from './replica-report.js';
import type { Lease, ReplicaState, WindowState } from './window-state.js';

/** The part of the limit that is kept from bulk requests, less what is released soon. */
const INTERACTIVE_SHARE = 0.2;
/** The part that is kept from them always. With more, bulk work alone could not use what the limit allows. */
const MIN_INTERACTIVE_SHARE = 0.01;
/** Soon is within a window divided by this: then interactive requests need not wait for long. */
const SOON_DIVISOR = 4;
/**
 * The idle time in a cycle is estimated at the window divided by this at most. An overestimate leaves
 * capacity unused, because deferred clients return late; an underestimate only costs waiting.
 */
const MAX_IDLE_DIVISOR = 15;
/** A reservation counts as due when less than a window divided by this is left. */
const DUE_DIVISOR = 5;

/** The window's limits, with the store's time and the reservations of the arrivals. */
export interface ReconcileContext extends WindowLimits {
  readonly now: number;
  readonly reservations: ReadonlyMap<string, Reservation>;
}

/**
 * Merges one replica's report into the shared state and allocates permits to it.
 *
 * A call counts from the grant of its permit until one window after its end. It reaches ACS in
 * between, so that no stretch of one window, wherever it starts, sees more calls than the limit.
 * Free capacity goes to the lowest tags of all replicas: what belongs to lower tags of others is
 * left for their next reports.
 */
export function reconcile(
  state: WindowState,
  report: ReplicaReport,
  context: ReconcileContext,
): { readonly state: WindowState; readonly result: Allocation } {
  const { now, windowMs } = context;
  const { finishedCalls, leases, meanServiceMs } = countCalls(state, report, context);
  const adapted = adaptLimit(state, report.throttled, context);
  const limit = Math.max(1, Math.floor(context.limit * adapted.limitFactor));
  const inUse = sum(finishedCalls.map(([, count]) => count)) + sum(leases.map((one) => one.count));
  const free = now < adapted.blockedUntil ? 0 : Math.max(0, limit - inUse);

  const queue = new FairQueue(state.queue);
  queue.advance(now, windowMs);
  const slack = 2 + context.limit / 4;
  for (const finished of report.finishedTags) queue.finish(finished, slack);
  queue.expireReservations(now);
  for (const { inMs, ...key } of report.reservations) queue.reserve(key, now + inMs, windowMs);
  const tags = report.arrivals.map((arrival) => tagOf(arrival, queue, context));
  const queuedTags = [...report.queuedTags, ...tags.map(({ tag }) => tag)].sort((a, b) => a - b);

  const others = Object.entries(state.replicas).filter(
    ([id, { reportedAt }]) => id !== report.replicaId && reportedAt > now - REPORT_TTL_MS,
  );
  const peers = others.map(([, replica]) => replica);
  const soon = finishedCalls.filter(([releasedAt]) => releasedAt - now <= windowMs / SOON_DIVISOR);
  const kept = Math.max(
    limit * INTERACTIVE_SHARE - sum(soon.map(([, count]) => count)),
    limit * MIN_INTERACTIVE_SHARE,
  );
  const granted = grant({ ...report, queuedTags }, { free, kept, limit, peers });
  const lease: Lease = {
    id: report.leaseId,
    count: granted.queued + granted.extra,
    grantedAt: now,
    releasedAt: now + context.leaseMs + context.callMs + recycleMs(windowMs),
  };
  const replica: ReplicaState = {
    queuedTags: queuedTags.slice(granted.queued, granted.queued + MAX_REPORTED),
    queuedBulk: report.queuedBulk,
    inService: granted.queued,
    reportedAt: now,
  };
  const next: WindowState = {
    ...adapted,
    finishedCalls,
    leases: lease.count > 0 ? [...leases, lease] : leases,
    replicas: Object.fromEntries([...others, [report.replicaId, replica]]),
    queue: queue.state,
    meanServiceMs,
    meanIdleMs: meanIdleMs(state, granted.queued, { now, limit }),
    updatedAt: now,
    reservationsUntil: Math.max(
      state.reservationsUntil + RESERVATION_GRACE_MS > now ? state.reservationsUntil : 0,
      ...report.reservations.map(({ inMs }) => now + inMs),
    ),
  };
  const forecast: CapacityForecast = {
    free: free - lease.count,
    releases: releasesOf(next, { now, windowMs, excess: Math.max(0, inUse - limit) }),
    blockedForMs: Math.max(0, adapted.blockedUntil - now),
    cycleMs:
      recycleMs(windowMs) + meanServiceMs + Math.min(next.meanIdleMs, windowMs / MAX_IDLE_DIVISOR),
    meanServiceMs,
    queued: sum([...peers, replica].map((one) => one.queuedTags.length)),
  };
  const inService = sum(peers.map((one) => one.inService)) + granted.queued;
  return {
    state: next,
    result: {
      ...forecast,
      ...{ granted: lease.count, tags, queue: next.queue, inService },
      limitFactor: adapted.limitFactor,
    },
  };
}

/** The tag of the arrival's reservation, or a new one. */
function tagOf(
  arrival: ReplicaReport['arrivals'][number],
  queue: FairQueue,
  { now, reservations, windowMs }: ReconcileContext,
): ArrivalTag {
  const { requester } = arrival;
  const reservation = requester === undefined ? undefined : reservations.get(requester);
  if (!reservation) return { tag: queue.enqueue(arrival), isReservationDue: false };
  queue.claim(arrival, now + reservation.inMs, windowMs);
  return {
    tag: reservation.tag,
    isReservationDue: reservation.inMs < windowMs / DUE_DIVISOR,
  };
}

/** Counts what the report says of calls and permits, and drops what the window has released. */
function countCalls(
  state: WindowState,
  { finishedCalls, unusedPermits }: ReplicaReport,
  { now, windowMs, limit }: ReconcileContext,
): Pick<WindowState, 'finishedCalls' | 'leases' | 'meanServiceMs'> {
  const slotMs = windowMs / SLOTS_PER_WINDOW;
  const slots = new Map(state.finishedCalls.filter(([releasedAt]) => releasedAt > now));
  const leases = new Map(
    state.leases.filter(({ releasedAt }) => releasedAt > now).map((lease) => [lease.id, lease]),
  );
  let { meanServiceMs } = state;
  const takeFrom = (leaseId: string, count: number): number => {
    const lease = leases.get(leaseId);
    // The calls of an expired lease were counted for as long as they could last.
    if (!lease) return 0;
    const taken = Math.min(count, lease.count);
    leases.set(leaseId, { ...lease, count: lease.count - taken });
    return taken;
  };
  for (const { leaseId, ageMs, count } of finishedCalls) {
    const grantedAt = leases.get(leaseId)?.grantedAt ?? now;
    const releasedAt = Math.ceil((now - ageMs + recycleMs(windowMs)) / slotMs) * slotMs;
    const taken = takeFrom(leaseId, count);
    if (taken > 0 && releasedAt > now) slots.set(releasedAt, (slots.get(releasedAt) ?? 0) + taken);
    const weight = Math.min(1, taken / Math.max(20, limit / 2));
    meanServiceMs += (Math.max(0, now - ageMs - grantedAt) - meanServiceMs) * weight;
  }
  for (const { leaseId, count } of unusedPermits) takeFrom(leaseId, count);
  return {
    finishedCalls: [...slots].sort(([a], [b]) => a - b),
    leases: [...leases.values()].filter(({ count }) => count > 0),
    meanServiceMs,
  };
}

/** Divides the free capacity: queued requests by tag, then bulk, then what is wanted in advance. */
function grant(
  { queuedTags, queuedBulk, prefetch }: ReplicaReport,
  {
    free,
    kept,
    limit,
    peers,
  }: {
    readonly free: number;
    /** From bulk requests. */
    readonly kept: number;
    readonly limit: number;
    readonly peers: readonly ReplicaState[];
  },
): { readonly queued: number; readonly extra: number } {
  const peerTags = peers.flatMap((peer) => peer.queuedTags).sort((a, b) => a - b);
  let queued = 0;
  for (let lower = 0; queued < Math.min(queuedTags.length, MAX_REPORTED); queued += 1) {
    const tag = queuedTags[queued] ?? 0;
    while (lower < peerTags.length && (peerTags[lower] ?? tag) < tag) lower += 1;
    if (lower + queued >= free) break;
  }
  const unclaimed = Math.max(0, free - queuedTags.length - peerTags.length);
  const forBulk = Math.max(0, Math.floor(unclaimed - kept));
  const peerBulk = sum(peers.map((peer) => peer.queuedBulk));
  const ownShare =
    queuedBulk === 0 ? 0 : Math.ceil((forBulk * queuedBulk) / (queuedBulk + peerBulk));
  const bulk = Math.min(queuedBulk, MAX_REPORTED, forBulk, ownShare);
  const ahead = unclaimed - bulk > limit / 2 ? prefetch : 0;
  return { queued, extra: bulk + ahead };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
