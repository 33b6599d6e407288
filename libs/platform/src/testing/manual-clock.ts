import { Clock } from '../time/clock.js';

interface Sleeper {
  readonly wakeAt: number;
  readonly wake: () => void;
}

/** Of a machine that was started a few minutes ago. */
const MONOTONIC_START_MS = 600_000;

/**
 * A clock for tests, which stands still until `advance` is called. Its two times are so far apart that code
 * which compares one with the other fails.
 */
export class ManualClock extends Clock {
  readonly #sleepers = new Set<Sleeper>();
  readonly #startedAt: number;
  /** Since the start. */
  #elapsedMs = 0;
  #stepsMs = 0;

  /** @param startAt milliseconds since 1970, or a date that `Date` can parse */
  constructor(startAt: string | number = '2026-01-01T00:00:00Z') {
    super();
    this.#startedAt = new Date(startAt).getTime();
  }

  now(): number {
    return this.#startedAt + this.#elapsedMs + this.#stepsMs;
  }

  monotonicNow(): number {
    return MONOTONIC_START_MS + this.#elapsedMs;
  }

  /** Sets the time of day ahead, or back, as NTP or a person does. No time passes. */
  step(byMs: number): void {
    this.#stepsMs += byMs;
  }

  /** Number of pending sleeps: shows a test that the code under test has reached its pause. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (delayMs <= 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const sleeper: Sleeper = {
      wakeAt: this.#elapsedMs + delayMs,
      wake: () => {
        resolve(undefined);
      },
    };
    const abort = (): void => {
      reject(signal?.reason as Error);
    };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Moves the time forward and ends the sleeps that are due, in the order of their times. */
  async advance(byMs: number): Promise<void> {
    const target = this.#elapsedMs + byMs;
    for (;;) {
      const next = [...this.#sleepers].sort((a, b) => a.wakeAt - b.wakeAt)[0];
      if (!next || next.wakeAt > target) break;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.wakeAt);
      this.#sleepers.delete(next);
      next.wake();
      await new Promise(setImmediate);
    }
    this.#elapsedMs = target;
    await new Promise(setImmediate);
  }
}
