import type { WindowState } from './window-state.js';

/**
 * The JSON of `acs_request_budget.state`. Its member names are a stored format: replicas of earlier
 * and later versions read and write the same rows.
 */
export interface StoredWindowState {
  readonly used: readonly (readonly [freeAt: number, count: number])[];
  readonly leases: readonly StoredLease[];
  readonly holders: Readonly<Record<string, StoredReplica>>;
  readonly line: StoredQueue;
  readonly heldMs: number;
  readonly idleMs: number;
  readonly changedAt: number;
  readonly factor: number;
  readonly factorAt: number;
  readonly blockedUntil: number;
  readonly expectedUntil: number;
}

interface StoredLease {
  readonly id: string;
  readonly count: number;
  readonly grantedAt: number;
  readonly freeAt: number;
}

interface StoredReplica {
  readonly turns: readonly number[];
  readonly bulk: number;
  readonly granted: number;
  readonly seenAt: number;
}

interface StoredQueue {
  readonly flows: WindowState['queue']['flows'];
  readonly floor: number;
  readonly nextFloor: number;
  readonly reached: number;
  readonly floorAt: number;
}

export function encodeWindowState(state: WindowState): StoredWindowState {
  const { queue } = state;
  return {
    used: state.finishedCalls,
    leases: state.leases.map(({ releasedAt, ...lease }) => ({ ...lease, freeAt: releasedAt })),
    holders: mapValues(state.replicas, ({ queuedTags, queuedBulk, inService, reportedAt }) => ({
      turns: queuedTags,
      bulk: queuedBulk,
      granted: inService,
      seenAt: reportedAt,
    })),
    line: {
      flows: queue.flows,
      floor: queue.virtualTime,
      nextFloor: queue.nextVirtualTime,
      reached: queue.lastServedTag,
      floorAt: queue.virtualTimeAt,
    },
    heldMs: state.meanServiceMs,
    idleMs: state.meanIdleMs,
    changedAt: state.updatedAt,
    factor: state.limitFactor,
    factorAt: state.limitFactorAt,
    blockedUntil: state.blockedUntil,
    expectedUntil: state.reservationsUntil,
  };
}

export function decodeWindowState(stored: StoredWindowState): WindowState {
  const { line } = stored;
  return {
    finishedCalls: stored.used,
    leases: stored.leases.map(({ freeAt, ...lease }) => ({ ...lease, releasedAt: freeAt })),
    replicas: mapValues(stored.holders, ({ turns, bulk, granted, seenAt }) => ({
      queuedTags: turns,
      queuedBulk: bulk,
      inService: granted,
      reportedAt: seenAt,
    })),
    queue: {
      flows: line.flows,
      virtualTime: line.floor,
      nextVirtualTime: line.nextFloor,
      lastServedTag: line.reached,
      virtualTimeAt: line.floorAt,
    },
    meanServiceMs: stored.heldMs,
    meanIdleMs: stored.idleMs,
    updatedAt: stored.changedAt,
    limitFactor: stored.factor,
    limitFactorAt: stored.factorAt,
    blockedUntil: stored.blockedUntil,
    reservationsUntil: stored.expectedUntil,
  };
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
