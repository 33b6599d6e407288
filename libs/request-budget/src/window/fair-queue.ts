import { createHash } from 'node:crypto';

/** Identifies a flow: the requests of one client application of one tenant share its capacity. */
export interface FlowKey {
  readonly tenant: string;
  readonly clientApp: string;
}

/** A `Flow` as it is stored. */
type StoredFlow = readonly [
  tenant: string,
  clientApp: string,
  backlog: number,
  lastTag: number,
  step: number,
];

/** The queue over all replicas; small enough to be read and written with every reconciliation. */
export interface FairQueueState {
  readonly flows: readonly StoredFlow[];
  /** Where the tags of newly active flows start. */
  readonly virtualTime: number;
  /** The next `virtualTime`. */
  readonly nextVirtualTime: number;
  /** The highest tag that was served. */
  readonly lastServedTag: number;
  /** When `virtualTime` was set. */
  readonly virtualTimeAt: number;
}

interface Flow extends FlowKey {
  /** Tags that are not finished: of queued requests and of reservations. */
  backlog: number;
  /** The finish tag of its last request. */
  lastTag: number;
  /** From one of its tags to the next: the inverse of its weight. */
  step: number;
}

/** A request that left the queue: it was served, or nobody waits for it any more. */
export interface FinishedTag extends FlowKey {
  /** Absent for a request that took a leased permit without queueing. */
  readonly tag?: number;
  /** It had a reservation that was due: lower tags of the flow were served, or nobody came for them. */
  readonly isReservationDue?: boolean;
}

export const EMPTY_FAIR_QUEUE: FairQueueState = {
  flows: [],
  virtualTime: 0,
  nextVirtualTime: 0,
  lastServedTag: 0,
  virtualTimeAt: 0,
};

/**
 * The order of service over all replicas: start-time fair queueing (Goyal, Vin, Cheng 1996) of
 * requests of length one.
 *
 * A request gets a virtual finish tag when it arrives, and the lowest tag is served first. Tenants
 * have equal weights; the active client applications of a tenant divide its weight, so that with two
 * of them the tags of each are two apart.
 *
 * Two points differ from the paper. The finish tag decides, not the start tag. And virtual time is
 * the highest tag that was served one to two windows ago, so that what a flow got since then counts
 * against it, and nothing before.
 */
export class FairQueue {
  readonly #flows = new Map<string, Flow>();
  #virtualTime: number;
  #nextVirtualTime: number;
  #lastServedTag: number;
  #virtualTimeAt: number;

  constructor(state: FairQueueState) {
    for (const [tenant, clientApp, backlog, lastTag, step] of state.flows) {
      const flow = { tenant, clientApp, backlog, lastTag, step };
      this.#flows.set(nameOf(flow), flow);
    }
    this.#virtualTime = state.virtualTime;
    this.#nextVirtualTime = state.nextVirtualTime;
    this.#lastServedTag = state.lastServedTag;
    this.#virtualTimeAt = state.virtualTimeAt;
  }

  get state(): FairQueueState {
    return {
      flows: [...this.#flows.values()].map((flow) => {
        return [flow.tenant, flow.clientApp, flow.backlog, flow.lastTag, flow.step];
      }),
      virtualTime: this.#virtualTime,
      nextVirtualTime: this.#nextVirtualTime,
      lastServedTag: this.#lastServedTag,
      virtualTimeAt: this.#virtualTimeAt,
    };
  }

  /** How many tags are not finished. */
  get backlog(): number {
    let sum = 0;
    for (const { backlog } of this.#flows.values()) sum += backlog;
    return sum;
  }

  /** Advances virtual time once a window, and removes flows that are idle since. */
  advance(now: number, windowMs: number): void {
    if (now - this.#virtualTimeAt < windowMs) return;
    this.#virtualTime = this.#nextVirtualTime;
    this.#nextVirtualTime = this.#lastServedTag;
    this.#virtualTimeAt = now;
    for (const [name, { backlog, lastTag }] of this.#flows) {
      if (backlog === 0 && lastTag <= this.#virtualTime) this.#flows.delete(name);
    }
  }

  /** Adds a request. @returns its finish tag */
  enqueue({ tenant, clientApp }: FlowKey): number {
    const name = nameOf({ tenant, clientApp });
    const flow = this.#flows.get(name) ?? this.#newFlow({ tenant, clientApp }, name);
    this.#flows.set(name, flow);
    const startTag = flow.backlog > 0 ? flow.lastTag : Math.max(flow.lastTag, this.#virtualTime);
    flow.backlog += 1;
    flow.step = this.#activeAppsOf(tenant);
    flow.lastTag = startTag + flow.step;
    return flow.lastTag;
  }

  /** @param slack tolerated reordering, in queue positions */
  finish({ tag, isReservationDue = false, ...key }: FinishedTag, slack: number): void {
    if (tag === undefined) {
      this.#lastServedTag = Math.max(this.#lastServedTag, this.enqueue(key));
    } else if (isReservationDue || this.position(tag) <= slack) {
      this.#lastServedTag = Math.max(this.#lastServedTag, tag);
    }
    const flow = this.#flows.get(nameOf(key));
    if (!flow) return;
    flow.backlog = Math.max(0, flow.backlog - 1);
    if (tag !== undefined && isReservationDue) {
      // Reservations that were due earlier and weren't claimed don't count any longer.
      flow.backlog = Math.min(flow.backlog, tagsAfter(flow, tag) + slack);
    }
  }

  /** The position of a tag in the queue; 1 is served next. */
  position(tag: number): number {
    let count = 0;
    for (const flow of this.#flows.values()) {
      if (flow.backlog > 0) count += Math.max(0, flow.backlog - tagsAfter(flow, tag));
    }
    return count;
  }

  /** The hash spreads flows that start together, so that their order is the same in each round. */
  #newFlow(key: FlowKey, name: string): Flow {
    const offset = createHash('sha256').update(name).digest().readUInt16BE() / 2 ** 16;
    const lastTag = this.#virtualTime + Math.round(offset * 1000) / 1000;
    return { ...key, backlog: 0, lastTag, step: 1 };
  }

  #activeAppsOf(tenant: string): number {
    let count = 0;
    for (const flow of this.#flows.values()) {
      if (flow.tenant === tenant && flow.backlog > 0) count += 1;
    }
    return count;
  }
}

/** How many tags of the flow are higher. */
function tagsAfter({ lastTag, step }: Flow, tag: number): number {
  return tag >= lastTag ? 0 : Math.ceil((lastTag - tag) / step - 1e-6);
}

function nameOf({ tenant, clientApp }: FlowKey): string {
  return JSON.stringify([tenant, clientApp]);
}
