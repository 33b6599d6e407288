/** A rate limit of `limit` requests in any interval of `windowMs`. */
export class SlidingWindow {
  readonly #passedAtMs: Float64Array;
  #next = 0;

  constructor(
    readonly limit: number,
    private readonly windowMs: number,
  ) {
    this.#passedAtMs = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  }

  /**
   * @param nowMs a monotonic clock.
   * @returns 0 when the request passes, otherwise the milliseconds until the next one passes.
   */
  tryPass(nowMs: number): number {
    if (this.limit === 0) return this.windowMs;
    const waitMs = this.#waitMs(nowMs);
    if (waitMs > 0) return waitMs;
    this.#passedAtMs[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.limit;
    return 0;
  }

  /** Counts a rejected request, for services where retries extend the wait. */
  accrue(nowMs: number): void {
    if (this.limit === 0) return;
    this.#passedAtMs[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.limit;
  }

  #waitMs(nowMs: number): number {
    const oldest = this.#passedAtMs[this.#next] ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, oldest + this.windowMs - nowMs);
  }
}
