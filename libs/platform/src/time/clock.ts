import { setTimeout as delay } from 'node:timers/promises';

/** The time. A port, so that tests can set it. */
export abstract class Clock {
  /** @returns milliseconds since 1970-01-01T00:00:00Z */
  abstract now(): number;

  /**
   * Waits.
   *
   * @param delayMs 0 or more
   * @throws the signal's reason when it aborts first
   */
  abstract sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own time. A pending `sleep` does not keep the process alive. */
export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    try {
      await delay(delayMs, undefined, { ref: false, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }
}
