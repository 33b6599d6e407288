import { createHash } from 'node:crypto';

/** Identifies a flow: the requests of one client application of one tenant share its capacity. */
export interface FlowKey {
  readonly tenant: string;
  readonly clientApp: string;
}

/** Reservations that are due until the same instant. */
type Reserved = [dueUntil: number, count: number];

/** A `Flow` as it is stored. Earlier versions store no reservations. */
type StoredFlow = readonly [
  tenant: string,
  clientApp: string,
  backlog: number,
  lastTag: number,
  step: number,
  reserved?: readonly Readonly<Reserved>[],
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
  /** The reservations in `backlog`, by the end of the slot in which they are due. Sorted. */
  reserved: Reserved[];
}

/** A request that joins the queue. */
export interface QueuedRequest extends FlowKey {
  /** How many requests of the same requester are queued or were served in the last window. */
  readonly earlier?: number;
}

/** A request that left the queue: it was served, or nobody waits for it any more. */
export interface FinishedTag extends FlowKey {
  /** Absent for a request that took a leased permit without queueing. */
  readonly tag?: number;
  /** It had a reservation that was due: lower tags of the flow were served, or nobody came for them. */
  readonly isReservationDue?: boolean;
}

/** A requester that is this late no longer counts as one that will return. */
const RETURN_GRACE_MS = 5000;
/** Reservations are counted in this many time slots per window. */
const RESERVATION_SLOTS = 4;

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
 * Within a flow, a further request of a requester that has requests queued, or was served in the last
 * window, gets a tag beyond the flow's last one: as many requests of others may come before it as are
 * queued. So one requester with many connections gets about the share of one.
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
    for (const [tenant, clientApp, backlog, lastTag, step, stored = []] of state.flows) {
      const reserved = stored.map(([dueUntil, count]): Reserved => [dueUntil, count]);
      const flow = { tenant, clientApp, backlog, lastTag, step, reserved };
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
        const { tenant, clientApp, backlog, lastTag, step, reserved } = flow;
        return reserved.length === 0
          ? [tenant, clientApp, backlog, lastTag, step]
          : [tenant, clientApp, backlog, lastTag, step, reserved];
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
  enqueue({ tenant, clientApp, earlier = 0 }: QueuedRequest): number {
    const flow = this.#flowOf({ tenant, clientApp });
    const startTag = flow.backlog > 0 ? flow.lastTag : Math.max(flow.lastTag, this.#virtualTime);
    const others = flow.backlog;
    flow.backlog += 1;
    flow.step = this.#activeAppsOf(tenant);
    const tag = startTag + flow.step;
    if (earlier > 0 && others > 0) return tag + earlier * others * flow.step;
    flow.lastTag = tag;
    return tag;
  }

  /** A queued request became a reservation: it still counts, until its requester is late. */
  reserve(key: FlowKey, dueAt: number, windowMs: number): void {
    const { reserved } = this.#flowOf(key);
    const dueUntil = slotEnd(dueAt, windowMs);
    const slot = reserved.find(([end]) => end === dueUntil);
    if (slot) slot[1] += 1;
    else {
      reserved.push([dueUntil, 1]);
      reserved.sort(([a], [b]) => a - b);
    }
  }

  /** A reservation is a queued request again. */
  claim(key: FlowKey, dueAt: number, windowMs: number): void {
    const flow = this.#flowOf(key);
    const dueUntil = slotEnd(dueAt, windowMs);
    const slot = flow.reserved.find(([end]) => end === dueUntil);
    // One that expired, or that a replica of an earlier version stored.
    if (!slot) flow.backlog += 1;
    else if ((slot[1] -= 1) === 0) flow.reserved.splice(flow.reserved.indexOf(slot), 1);
  }

  /** Reservations whose requesters are late no longer count. */
  expireReservations(now: number): void {
    for (const flow of this.#flows.values()) {
      const expired = flow.reserved.filter(([dueUntil]) => dueUntil + RETURN_GRACE_MS <= now);
      dropReservations(flow, sum(expired.map(([, count]) => count)));
    }
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
      const most = Math.ceil(tagsAfter(flow, tag) + slack);
      dropReservations(flow, Math.max(0, flow.backlog - most));
    }
  }

  /** The position of a tag in the queue; 1 is served next. */
  position(tag: number): number {
    let count = 0;
    for (const flow of this.#flows.values()) {
      count += Math.max(0, flow.backlog - tagsAfter(flow, tag));
    }
    return count;
  }

  #flowOf(key: FlowKey): Flow {
    const name = nameOf(key);
    const flow = this.#flows.get(name) ?? this.#newFlow(key, name);
    this.#flows.set(name, flow);
    return flow;
  }

  /** The hash spreads flows that start together, so that their order is the same in each round. */
  #newFlow({ tenant, clientApp }: FlowKey, name: string): Flow {
    const offset = createHash('sha256').update(name).digest().readUInt16BE() / 2 ** 16;
    const lastTag = this.#virtualTime + Math.round(offset * 1000) / 1000;
    return { tenant, clientApp, backlog: 0, lastTag, step: 1, reserved: [] };
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
  return Math.max(0, Math.ceil((lastTag - tag) / step - 1e-6));
}

/** Removes the first reservations of the flow. */
function dropReservations(flow: Flow, count: number): void {
  flow.backlog = Math.max(0, flow.backlog - count);
  let left = count;
  for (const slot of flow.reserved) {
    const dropped = Math.min(left, slot[1]);
    slot[1] -= dropped;
    left -= dropped;
  }
  flow.reserved = flow.reserved.filter(([, remaining]) => remaining > 0);
}

/** The end of the time slot in which a reservation is due. */
function slotEnd(dueAt: number, windowMs: number): number {
  const slotMs = windowMs / RESERVATION_SLOTS;
  return Math.ceil(Math.round(dueAt) / slotMs) * slotMs;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}

function nameOf({ tenant, clientApp }: FlowKey): string {
  return JSON.stringify([tenant, clientApp]);
}
