import type { Permit } from '../request-budget.js';
import type { ArrivalTag } from '../window/replica-report.js';
import type { FlowKey } from '../window/fair-queue.js';

/** A request that is queued at this replica. */
export interface Waiter extends FlowKey {
  readonly requester: string | undefined;
  /** How many requests of the requester were queued or served here in the last window. */
  readonly earlier: number;
  readonly isBulk: boolean;
  readonly enqueuedAt: number;
  /** Absent until the first reconciliation; bulk requests never get one. */
  tag?: number;
  isReservationDue?: boolean;
  readonly resolve: (permit: Permit) => void;
  readonly reject: (reason: unknown) => void;
  /** Called when the request leaves the queue: removes the listener on the requester's signal. */
  readonly onLeft: () => void;
}

export type TaggedWaiter = Waiter & { readonly tag: number };

/** The requests queued at one replica: arrivals without a tag, tagged ones by tag, and bulk. */
export class WaitQueue {
  readonly #arrivals = new Set<Waiter>();
  /** Sorted by tag. */
  #tagged: TaggedWaiter[] = [];
  /** First in, first out. */
  readonly #bulk = new Set<Waiter>();
  readonly #countByRequester = new Map<string, number>();

  get size(): number {
    return this.interactive + this.#bulk.size;
  }

  get interactive(): number {
    return this.#arrivals.size + this.#tagged.length;
  }

  get arrivals(): readonly Waiter[] {
    return [...this.#arrivals];
  }

  get tagged(): readonly TaggedWaiter[] {
    return this.#tagged;
  }

  get bulk(): readonly Waiter[] {
    return [...this.#bulk];
  }

  /** How many requests of the requester are queued. */
  countOf(requester: string | undefined): number {
    return requester === undefined ? 0 : (this.#countByRequester.get(requester) ?? 0);
  }

  enqueue(waiter: Waiter): void {
    (waiter.isBulk ? this.#bulk : this.#arrivals).add(waiter);
    this.#count(waiter, 1);
  }

  /** Gives an arrival its tag. @returns false when it left the queue in the meantime */
  tag(waiter: Waiter, tag: ArrivalTag): boolean {
    const tagged = Object.assign(waiter, tag);
    if (!this.#arrivals.delete(waiter)) return false;
    const lower = this.#tagged.findLastIndex((other) => other.tag <= tag.tag);
    this.#tagged.splice(lower + 1, 0, tagged);
    return true;
  }

  /** @returns false when it was not queued any more */
  remove(waiter: Waiter): boolean {
    const wasQueued =
      this.#arrivals.delete(waiter) || this.#bulk.delete(waiter) || this.#removeTagged(waiter);
    if (wasQueued) this.#count(waiter, -1);
    return wasQueued;
  }

  /** Whether a request may get a permit: arrivals wait for their tags. */
  get hasNext(): boolean {
    return this.#tagged.length + this.#bulk.size > 0;
  }

  /** Removes the next request: the lowest tag, then bulk. */
  dequeue(): Waiter | undefined {
    const [first] = this.#bulk;
    const next = this.#tagged[0] ?? first;
    if (next) this.remove(next);
    return next;
  }

  removeAll(): Waiter[] {
    const all = [...this.#arrivals, ...this.#tagged, ...this.#bulk];
    this.#arrivals.clear();
    this.#tagged = [];
    this.#bulk.clear();
    this.#countByRequester.clear();
    return all;
  }

  #removeTagged(waiter: Waiter): boolean {
    const index = this.#tagged.indexOf(waiter as TaggedWaiter); // found only if it is one
    if (index >= 0) this.#tagged.splice(index, 1);
    return index >= 0;
  }

  #count({ requester }: Waiter, change: 1 | -1): void {
    if (requester === undefined) return;
    const count = this.countOf(requester) + change;
    if (count > 0) this.#countByRequester.set(requester, count);
    else this.#countByRequester.delete(requester);
  }
}
