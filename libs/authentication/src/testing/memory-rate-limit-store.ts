import { RateLimitStore } from '../rate-limit/rate-limit-store.js';

/** Counts in memory. Limiters that share one object act like replicas. */
export class MemoryRateLimitStore extends RateLimitStore {
  readonly #counts = new Map<string, number>();
  /** Thrown by `increment` while it is set. */
  outage: Error | undefined;

  override async increment(key: string, minute: number, amount: number): Promise<number> {
    await Promise.resolve();
    if (this.outage !== undefined) throw this.outage;
    const name = `${minute} ${key}`;
    const count = (this.#counts.get(name) ?? 0) + amount;
    this.#counts.set(name, count);
    return count;
  }
}
