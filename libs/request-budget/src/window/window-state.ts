import { EMPTY_FAIR_QUEUE, type FairQueueState } from '../queue/fair-queue.js';

/** What all replicas know together of one resource's operation. Instants are the database's, in ms. */
export interface WindowState {
  /** Calls that are over: when the window lets go of how many. Sorted. */
  readonly used: readonly (readonly [freeAt: number, count: number])[];
  /** Calls that a replica may have made by now. */
  readonly leases: readonly Lease[];
  /** Who waits at each replica. */
  readonly holders: Readonly<Record<string, ReplicaState>>;
  /** In which order calls are made. */
  readonly line: FairQueueState;
  /** How long a call is held on average, from its grant until it is reported. */
  readonly heldMs: number;
  /** How long a free place waits on average until somebody who waits is granted it. */
  readonly idleMs: number;
  readonly changedAt: number;
  /** The share of the limit that is used, less than 1 after ACS refused calls. */
  readonly factor: number;
  readonly factorAt: number;
  /** No call is granted before. */
  readonly blockedUntil: number;
  /** Nobody who was told to come back is expected later; 0 when nobody is. */
  readonly expectedUntil: number;
}

export interface Lease {
  readonly id: string;
  readonly count: number;
  readonly grantedAt: number;
  /** When the window has let go of them even if their holder died and made the calls last thing. */
  readonly freeAt: number;
}

export interface ReplicaState {
  /** The turns of those who wait, the first ones, sorted. */
  readonly turns: readonly number[];
  readonly bulk: number;
  /** Turns that calls were granted for, of which the holder has not reported the end. */
  readonly granted: number;
  readonly seenAt: number;
}

export const EMPTY_WINDOW: WindowState = {
  used: [],
  leases: [],
  holders: {},
  line: EMPTY_FAIR_QUEUE,
  heldMs: 0,
  idleMs: 0,
  changedAt: 0,
  factor: 1,
  factorAt: 0,
  blockedUntil: 0,
  expectedUntil: 0,
};
