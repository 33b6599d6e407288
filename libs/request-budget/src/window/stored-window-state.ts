import type { WindowState } from './window-state.js';

/**
 * The JSON of `acs_request_budget.state`. Its member names are a stored format: replicas of earlier
 * and later versions read and write the same rows.
 */
export interface StoredWindowState {
  /** `finishedCalls` */
  readonly used: readonly (readonly [freeAt: number, count: number])[];
  readonly leases: readonly {
    readonly id: string;
    readonly count: number;
    readonly grantedAt: number;
    /** `releasedAt` */
    readonly freeAt: number;
  }[];
  /** `replicas` */
  readonly holders: Readonly<
    Record<
      string,
      {
        /** `queuedTags` */
        readonly turns: readonly number[];
        /** `queuedBulk` */
        readonly bulk: number;
        /** `inService` */
        readonly granted: number;
        /** `reportedAt` */
        readonly seenAt: number;
      }
    >
  >;
  /** `queue` */
  readonly line: {
    readonly flows: WindowState['queue']['flows'];
    /** `virtualTime` */
    readonly floor: number;
    /** `nextVirtualTime` */
    readonly nextFloor: number;
    /** `lastServedTag` */
    readonly reached: number;
    /** `virtualTimeAt` */
    readonly floorAt: number;
  };
  /** `meanServiceMs` */
  readonly heldMs: number;
  /** `meanIdleMs` */
  readonly idleMs: number;
  /** `updatedAt` */
  readonly changedAt: number;
  /** `limitFactor` */
  readonly factor: number;
  /** `limitFactorAt` */
  readonly factorAt: number;
  readonly blockedUntil: number;
  /** `reservationsUntil` */
  readonly expectedUntil: number;
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
