import { setTimeout as delay } from 'node:timers/promises';

/** The time. A port, so that tests can set it. */
export abstract class Clock {
  /**
   * The time of day: for what is stored, sent to others or compared with a time of theirs. It may be set
   * ahead and back at any moment, so that nothing waits or ends by it.
   *
   * @returns milliseconds since 1970-01-01T00:00:00Z
   */
  abstract now(): number;

  /**
   * For waits, ages, cooldowns and deadlines of this process: never decreases, also when the time of day is
   * set back, and includes the time for which the process or the machine was stopped.
   *
   * @returns milliseconds since an unknown instant, the same one for the life of the clock; comparable with
   * no time of day
   */
  abstract monotonicNow(): number;

  /**
   * Waits.
   *
   * @param delayMs 0 or more
   * @throws the signal's reason when it aborts first
   */
  abstract sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Smaller steps of the time of day are its usual corrections. */
const MIN_STEP_MS = 50;

/** The machine's own time. A pending `sleep` does not keep the process alive. */
export class SystemClock extends Clock {
  #offsetMs = Date.now() - performance.now();
  #suspendedMs = 0;

  now(): number {
    return Date.now();
  }

  /**
   * `performance.now` advances while the process is stopped, but not while the machine is suspended or
   * moved; then the time of day steps forward.
   */
  override monotonicNow(): number {
    const runningMs = performance.now();
    const offsetMs = Date.now() - runningMs;
    const stepMs = offsetMs - this.#offsetMs;
    if (Math.abs(stepMs) >= MIN_STEP_MS) {
      this.#offsetMs = offsetMs;
      this.#suspendedMs += Math.max(0, stepMs);
    }
    return runningMs + this.#suspendedMs;
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
