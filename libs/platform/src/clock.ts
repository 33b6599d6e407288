/** The time. Injected, so that tests can set it. */
export abstract class Clock {
  /** @returns milliseconds since 1970-01-01T00:00:00Z */
  abstract now(): number;

  /**
   * Waits; rejects with the signal's reason when it aborts first.
   *
   * @param delayMs 0 or more
   */
  abstract sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}
