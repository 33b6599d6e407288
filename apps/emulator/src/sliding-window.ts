/**
 * A limit on requests in any stretch of `windowMs`.
 *
 * The strictest reading of "N per window": wherever the window is laid, no more than N pass.
 */
export class SlidingWindow {
  private readonly passedAtMs: Float64Array;
  private next = 0;

  constructor(
    readonly limit: number,
    private readonly windowMs: number,
  ) {
    this.passedAtMs = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  }

  /**
   * @param nowMs a monotonic clock.
   * @returns 0 when the request may pass, otherwise the milliseconds until the next one may.
   */
  tryPass(nowMs: number): number {
    if (this.limit === 0) return this.windowMs;
    const waitMs = this.waitMs(nowMs);
    if (waitMs > 0) return waitMs;
    this.passedAtMs[this.next] = nowMs;
    this.next = (this.next + 1) % this.limit;
    return 0;
  }

  /** Counts a request that was refused, as a service does that holds retries against the caller. */
  accrue(nowMs: number): void {
    if (this.limit === 0) return;
    this.passedAtMs[this.next] = nowMs;
    this.next = (this.next + 1) % this.limit;
  }

  private waitMs(nowMs: number): number {
    const oldest = this.passedAtMs[this.next] ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, oldest + this.windowMs - nowMs);
  }
}
