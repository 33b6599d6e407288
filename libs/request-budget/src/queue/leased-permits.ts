import type { ReplicaReport } from '../window/reconcile.js';

/** Calls that were granted together. */
interface Held {
  readonly lease: string;
  /** A call that is begun later could come at a time when its place is another's. */
  readonly usableUntil: number;
  /** From then on unused ones are better left to others. */
  readonly returnAt: number;
  count: number;
}

/** The calls that were granted to this replica, and what became of them. */
export class LeasedPermits {
  #held: Held[] = [];
  #finished: { readonly lease: string; readonly at: number }[] = [];
  #inFlight = 0;

  /** @param slotMs calls that end within so long are reported as one */
  constructor(private readonly slotMs: number) {}

  /** How many calls may be begun now. */
  count(now: number): number {
    return this.#held.reduce(
      (sum, { count, usableUntil }) => sum + (usableUntil > now ? count : 0),
      0,
    );
  }

  /** Whether nothing has to be reported now or later. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#held.length === 0 && this.#finished.length === 0;
  }

  /** Whether a report would tell anything. */
  hasNews(now: number): boolean {
    return this.#finished.length > 0 || this.#held.some(({ returnAt }) => returnAt <= now);
  }

  add(lease: string, count: number, times: { usableUntil: number; returnAt: number }): void {
    if (count > 0) this.#held.push({ lease, count, ...times });
  }

  /** @returns the lease of a call that may be begun now */
  take(now: number): string | undefined {
    const held = this.#held.find(({ count, usableUntil }) => count > 0 && usableUntil > now);
    if (!held) return undefined;
    held.count -= 1;
    this.#inFlight += 1;
    return held.lease;
  }

  finish(lease: string, at: number): void {
    this.#inFlight -= 1;
    this.#finished.push({ lease, at });
  }

  /** A call that was taken was not made. */
  giveBack(lease: string): void {
    this.#inFlight -= 1;
    const held = this.#held.find((one) => one.lease === lease);
    if (held) held.count += 1;
    if (!held) this.#held.push({ lease, count: 1, usableUntil: 0, returnAt: 0 });
  }

  /** What is to be reported, which counts as reported from now on. @param all also what is usable */
  report(now: number, all = false): Pick<ReplicaReport, 'finished' | 'returned'> {
    const returned = this.#held.filter(({ returnAt }) => all || returnAt <= now);
    this.#held = this.#held.filter((held) => !returned.includes(held) && held.count > 0);
    const slots = new Map<string, { lease: string; at: number; count: number }>();
    for (const { lease, at } of this.#finished) {
      const key = `${lease} ${Math.floor(at / this.slotMs)}`;
      const slot = slots.get(key) ?? { lease, at, count: 0 };
      slots.set(key, { lease, at: Math.max(at, slot.at), count: slot.count + 1 });
    }
    this.#finished = [];
    return {
      finished: [...slots.values()].map(({ lease, at, count }) => ({
        lease,
        ageMs: now - at,
        count,
      })),
      returned: returned
        .filter(({ count }) => count > 0)
        .map(({ lease, count }) => ({ lease, count })),
    };
  }
}
