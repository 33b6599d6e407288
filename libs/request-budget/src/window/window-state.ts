import { EMPTY_FAIR_QUEUE, type FairQueueState } from './fair-queue.js';
import type { AdaptiveLimit } from './adaptive-limit.js';

/**
 * The state of one operation of one ACS resource that all replicas share: the calls that count
 * against the limit, the fair queue, and the limit in force. Instants are ms of the store's clock.
 */
export interface WindowState extends AdaptiveLimit {
  /** Finished calls that still count, with the time at which their capacity is released. Sorted. */
  readonly finishedCalls: readonly (readonly [releasedAt: number, count: number])[];
  /** Permits that replicas hold or use: each may be a call by now. */
  readonly leases: readonly Lease[];
  /** The last report of each replica, by its id. */
  readonly replicas: Readonly<Record<string, ReplicaState>>;
  readonly queue: FairQueueState;
  /** Moving average of the time from the grant of a permit to the end of its call. */
  readonly meanServiceMs: number;
  /** Moving average of the time that released capacity stays unused while requests are queued. */
  readonly meanIdleMs: number;
  readonly updatedAt: number;
  /** When the last reservation is due; 0 when there is none. */
  readonly reservationsUntil: number;
}

/** Permits that were granted together. */
export interface Lease {
  readonly id: string;
  /** Permits whose end or return was not reported yet. */
  readonly count: number;
  readonly grantedAt: number;
  /** When the capacity is released at the latest, even if the replica crashed after using it. */
  readonly releasedAt: number;
}

export interface ReplicaState {
  /** The lowest tags of the requests queued there. Sorted. */
  readonly queuedTags: readonly number[];
  readonly queuedBulk: number;
  /** Queued requests that got a permit and whose tags the replica has not reported as finished. */
  readonly inService: number;
  readonly reportedAt: number;
}

export const EMPTY_WINDOW: WindowState = {
  finishedCalls: [],
  leases: [],
  replicas: {},
  queue: EMPTY_FAIR_QUEUE,
  meanServiceMs: 0,
  meanIdleMs: 0,
  updatedAt: 0,
  limitFactor: 1,
  limitFactorAt: 0,
  blockedUntil: 0,
  reservationsUntil: 0,
};
