/** Counts use over all replicas. */
export abstract class RateLimitStore {
  /**
   * Adds to what was used within a minute.
   *
   * @param minute whole minutes since 1970
   * @returns the sum, with this amount
   * @throws DatabaseUnavailable
   */
  abstract increment(key: string, minute: number, amount: number): Promise<number>;

  /** Forgets the minutes before. */
  abstract forgetBefore(minute: number): Promise<void>;
}

/** Counts in memory, for tests: replicas that share one object count together. */
export class MemoryRateLimitStore extends RateLimitStore {
  readonly #sums = new Map<string, { minute: number; sum: number }>();
  /** When set, counting is refused with it, as during an outage. */
  outage: Error | undefined;

  override async increment(key: string, minute: number, amount: number): Promise<number> {
    await Promise.resolve();
    if (this.outage !== undefined) throw this.outage;
    const name = `${minute} ${key}`;
    const sum = (this.#sums.get(name)?.sum ?? 0) + amount;
    this.#sums.set(name, { minute, sum });
    return sum;
  }

  override async forgetBefore(minute: number): Promise<void> {
    await Promise.resolve();
    for (const [name, entry] of this.#sums) if (entry.minute < minute) this.#sums.delete(name);
  }
}
