import type { FlowName } from './fair-queue.js';
import type { Permit } from '../request-budget.js';

/** Somebody who waits for a call at this replica. */
export interface Waiter extends FlowName {
  readonly key: string | undefined;
  readonly isBulk: boolean;
  readonly since: number;
  /** Absent until the ledger has given one; bulk work has none. */
  turn?: number;
  /** Whether it was told to come back about now. */
  isDue?: boolean;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (reason: unknown) => void;
  /** Ends what listens on the waiter's behalf. */
  readonly ended: AbortController;
}

export type TaggedWaiter = Waiter & { readonly turn: number };

/** Those who wait at one replica: newcomers, those who have a turn in its order, and bulk work. */
export class WaitQueue {
  readonly #newcomers = new Set<Waiter>();
  /** Sorted by turn. */
  #seated: TaggedWaiter[] = [];
  /** First come, first served. */
  readonly #bulk = new Set<Waiter>();

  get size(): number {
    return this.interactive + this.#bulk.size;
  }

  get interactive(): number {
    return this.#newcomers.size + this.#seated.length;
  }

  get newcomers(): readonly Waiter[] {
    return [...this.#newcomers];
  }

  get seated(): readonly TaggedWaiter[] {
    return this.#seated;
  }

  get bulk(): readonly Waiter[] {
    return [...this.#bulk];
  }

  push(waiter: Waiter): void {
    (waiter.isBulk ? this.#bulk : this.#newcomers).add(waiter);
  }

  /** Gives a newcomer its turn. @returns whether it was there still */
  seat(waiter: Waiter, turn: { readonly turn: number; readonly isDue: boolean }): boolean {
    if (!this.#newcomers.delete(waiter)) return false;
    const after = this.#seated.findLastIndex((other) => other.turn <= turn.turn);
    this.#seated.splice(after + 1, 0, Object.assign(waiter, turn));
    return true;
  }

  /** @returns whether it was there */
  remove(waiter: Waiter): boolean {
    if (this.#newcomers.delete(waiter) || this.#bulk.delete(waiter)) return true;
    const count = this.#seated.length;
    this.#seated = this.#seated.filter((one) => one !== waiter);
    return this.#seated.length < count;
  }

  /** Whether there is one who may be given a call. */
  get hasNext(): boolean {
    return this.#seated.length + this.#bulk.size > 0;
  }

  /** Takes out the one who is next. */
  shift(): Waiter | undefined {
    const seated = this.#seated.shift();
    if (seated) return seated;
    const [bulk] = this.#bulk;
    if (bulk) this.#bulk.delete(bulk);
    return bulk;
  }

  /** Takes out all. */
  drain(): Waiter[] {
    const all = [...this.#newcomers, ...this.#seated, ...this.#bulk];
    this.#newcomers.clear();
    this.#seated = [];
    this.#bulk.clear();
    return all;
  }
}
