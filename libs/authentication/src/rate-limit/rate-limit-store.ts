/** Counts requests over all replicas, in fixed windows of one minute. */
export abstract class RateLimitStore {
  /**
   * Adds an amount to a key's count for a minute.
   *
   * @param minute whole minutes since 1970; adapters may delete earlier minutes than the last one
   * @returns the count, including the amount
   * @throws DatabaseUnavailable
   */
  abstract increment(key: string, minute: number, amount: number): Promise<number>;
}
