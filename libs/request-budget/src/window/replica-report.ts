import type { CapacityForecast } from '../forecast/capacity-forecast.js';
import type { FairQueueState, FinishedTag, FlowKey } from './fair-queue.js';

/** What one replica reports to the shared window, and what it wants. */
export interface ReplicaReport {
  readonly replicaId: string;
  /** Id of the lease that the granted permits will form. */
  readonly leaseId: string;
  /** Requests that joined the queue since the last report, in the order of their arrival. */
  readonly arrivals: readonly Arrival[];
  /** Tags of the requests queued longer, the lowest `MAX_REPORTED`. Sorted. */
  readonly queuedTags: readonly number[];
  readonly queuedBulk: number;
  readonly finishedTags: readonly FinishedTag[];
  /** Requests that were deferred. */
  readonly reservations: readonly (Reservation & FlowKey)[];
  /** Permits wanted in advance, beyond those for queued requests. */
  readonly prefetch: number;
  /** Calls that ended, by lease and time since. */
  readonly finishedCalls: readonly {
    readonly leaseId: string;
    readonly ageMs: number;
    readonly count: number;
  }[];
  /** Permits that were not used and never will be. */
  readonly unusedPermits: readonly { readonly leaseId: string; readonly count: number }[];
  /** Present when ACS throttled a call since the last report. */
  readonly throttled?: { readonly retryAfterMs?: number };
}

/** A request that joins the queue, with or without a reservation. */
export interface Arrival extends FlowKey {
  /** Under which it may have a reservation. */
  readonly requester?: string;
  /** How many requests of the requester are queued or were served here in the last window. */
  readonly earlier?: number;
}

/** The tag that a deferred request keeps, for when its requester returns. */
export interface Reservation {
  readonly requester: string;
  readonly tag: number;
  /** Until the request is due; negative when it is overdue. */
  readonly inMs: number;
}

/** The tag that an arrival got. */
export interface ArrivalTag {
  readonly tag: number;
  /** It is the tag of a reservation that is due about now. */
  readonly isReservationDue: boolean;
}

/** What a replica gets for its report. */
export interface Allocation extends CapacityForecast {
  readonly granted: number;
  /** One for each arrival, in their order. */
  readonly tags: readonly ArrivalTag[];
  readonly queue: FairQueueState;
  /** Requests of `queue` that have a permit already, over all replicas. */
  readonly inService: number;
  /** The part of the configured limit that is in force now, above 0 to 1. */
  readonly limitFactor: number;
}

/** The configured limit, and upper bounds of what takes time. */
export interface WindowLimits {
  /** Calls in any stretch of one window. */
  readonly limit: number;
  readonly windowMs: number;
  /** From the grant of a permit to the start of its call. */
  readonly leaseMs: number;
  /** From the start of a call to its end. */
  readonly callMs: number;
}

/** Bound of the tags that a replica reports, and of the permits granted to it, per reconciliation. */
export const MAX_REPORTED = 100;
/** Reservations expire this long after they were due. */
export const RESERVATION_GRACE_MS = 30_000;
/** Finished calls are counted in time slots, so that reports and state stay small. */
export const SLOTS_PER_WINDOW = 250;
