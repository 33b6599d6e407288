import { Clock } from '../time/clock.js';

interface Sleeper {
  readonly wakeAt: number;
  readonly wake: () => void;
}

/** A clock for tests, which stands still until `advance` is called. */
export class ManualClock extends Clock {
  readonly #sleepers = new Set<Sleeper>();
  #now: number;

  /** @param startAt milliseconds since 1970, or a date that `Date` can parse */
  constructor(startAt: string | number = '2026-01-01T00:00:00Z') {
    super();
    this.#now = new Date(startAt).getTime();
  }

  now(): number {
    return this.#now;
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
      wakeAt: this.#now + delayMs,
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
    const target = this.#now + byMs;
    for (;;) {
      const next = [...this.#sleepers].sort((a, b) => a.wakeAt - b.wakeAt)[0];
      if (!next || next.wakeAt > target) break;
      this.#now = Math.max(this.#now, next.wakeAt);
      this.#sleepers.delete(next);
      next.wake();
      await new Promise(setImmediate);
    }
    this.#now = target;
    await new Promise(setImmediate);
  }
}
