import { createHash } from 'node:crypto';

/** Whose call it is, as far as shares go. */
export interface FlowName {
  readonly tenant: string;
  readonly clientApp: string;
}

/** One client application of one tenant: tenant, application, and what `Flow` says. */
type StoredFlow = readonly [
  tenant: string,
  clientApp: string,
  open: number,
  last: number,
  step: number,
];

/** Who is in line, over all replicas; small enough to be read and written with every change. */
export interface FairQueueState {
  readonly flows: readonly StoredFlow[];
  /** Where those start who had no calls of late: the turn that was reached a window ago or more. */
  readonly floor: number;
  /** Becomes the floor next. */
  readonly nextFloor: number;
  /** The highest turn that was served. */
  readonly reached: number;
  readonly floorAt: number;
}

interface Flow extends FlowName {
  /** How many of its turns are still to come: of those who wait and of those told to come back. */
  open: number;
  /** Its last turn. */
  last: number;
  /** From one of its turns to the next. */
  step: number;
}

/** A turn that is over: the call was made, or nobody waits for it any more. */
export interface FinishedTag extends FlowName {
  /** Absent for a call that was made at once, without a turn. */
  readonly turn?: number;
  /** It was served when it was due: earlier turns of the flow have been, or nobody comes for them. */
  readonly isDue?: boolean;
}

export const EMPTY_FAIR_QUEUE: FairQueueState = {
  flows: [],
  floor: 0,
  nextFloor: 0,
  reached: 0,
  floorAt: 0,
};

/**
 * The order in which calls are made. Each gets a number, its turn, when it first comes, and lower
 * turns go first, in whatever replica they wait. The turns of one tenant are one apart, so that the
 * n-th call of each comes before the n+1st of any: equal shares for all who want them. A tenant whose
 * client applications call at the same time has its turns shared among them: with two, those of each
 * are two apart. A flow goes on from its last turn, and one that had none of late starts where the
 * others were a window ago, so that what somebody got just before is held against it, and no more.
 *
 * (Start-time fair queueing, Goyal, Vin and Cheng 1996, with calls of equal length.)
 */
export class FairQueue {
  readonly #flows = new Map<string, Flow>();
  #floor: number;
  #nextFloor: number;
  #reached: number;
  #floorAt: number;

  constructor(state: FairQueueState) {
    for (const [tenant, clientApp, open, last, step] of state.flows) {
      this.#flows.set(nameOf({ tenant, clientApp }), { tenant, clientApp, open, last, step });
    }
    this.#floor = state.floor;
    this.#nextFloor = state.nextFloor;
    this.#reached = state.reached;
    this.#floorAt = state.floorAt;
  }

  get state(): FairQueueState {
    return {
      flows: [...this.#flows.values()].map((flow) => {
        return [flow.tenant, flow.clientApp, flow.open, flow.last, flow.step];
      }),
      floor: this.#floor,
      nextFloor: this.#nextFloor,
      reached: this.#reached,
      floorAt: this.#floorAt,
    };
  }

  /** How many turns are still to come. */
  get open(): number {
    let sum = 0;
    for (const { open } of this.#flows.values()) sum += open;
    return sum;
  }

  /** Lets go of what was more than a window or two ago. */
  passTime(now: number, windowMs: number): void {
    if (now - this.#floorAt < windowMs) return;
    this.#floor = this.#nextFloor;
    this.#nextFloor = this.#reached;
    this.#floorAt = now;
    for (const [name, { open, last }] of this.#flows) {
      if (open === 0 && last <= this.#floor) this.#flows.delete(name);
    }
  }

  /** Somebody comes. @returns the turn */
  enter({ tenant, clientApp }: FlowName): number {
    const name = nameOf({ tenant, clientApp });
    const flow = this.#flows.get(name) ?? this.#newFlow({ tenant, clientApp }, name);
    this.#flows.set(name, flow);
    const start = flow.open > 0 ? flow.last : Math.max(flow.last, this.#floor);
    flow.open += 1;
    flow.step = this.#busyAppsOf(tenant);
    flow.last = start + flow.step;
    return flow.last;
  }

  /** @param slack so many come later than those after them, at most */
  end({ turn, isDue = false, ...who }: FinishedTag, slack: number): void {
    if (turn === undefined) {
      this.#reached = Math.max(this.#reached, this.enter(who));
    } else if (isDue || this.place(turn) <= slack) {
      this.#reached = Math.max(this.#reached, turn);
    }
    const flow = this.#flows.get(nameOf(who));
    if (!flow) return;
    flow.open = Math.max(0, flow.open - 1);
    if (turn !== undefined && isDue) flow.open = Math.min(flow.open, after(flow, turn) + slack);
  }

  /** How many are served until this turn is, itself included. */
  place(turn: number): number {
    let count = 0;
    for (const flow of this.#flows.values()) {
      if (flow.open > 0) count += Math.max(0, flow.open - after(flow, turn));
    }
    return count;
  }

  /** Flows that begin together come one after the other, the same one first in each round. */
  #newFlow(who: FlowName, name: string): Flow {
    const part = createHash('sha256').update(name).digest().readUInt16BE() / 2 ** 16;
    return { ...who, open: 0, last: this.#floor + Math.round(part * 1000) / 1000, step: 1 };
  }

  #busyAppsOf(tenant: string): number {
    let count = 0;
    for (const flow of this.#flows.values()) {
      if (flow.tenant === tenant && flow.open > 0) count += 1;
    }
    return count;
  }
}

/** How many of the flow's turns are after this one. */
function after({ last, step }: Flow, turn: number): number {
  return turn >= last ? 0 : Math.ceil((last - turn) / step - 1e-6);
}

function nameOf({ tenant, clientApp }: FlowName): string {
  return JSON.stringify([tenant, clientApp]);
}
