/** Time that reading and bulk work may hold the event loop at once. */
const SLICE_MS = 2;
/** Time between two slices while the issuance of a token is in progress. */
const PAUSE_MS = 8;
/** Values that take less than a slice together. */
const SMALL_COUNT = 8;

// The event loop is one for the process, and so is its state.
let foregroundCount = 0;
let isScheduled = false;
const waiting: (() => void)[] = [];

/**
 * Declares work that slices make room for.
 *
 * @returns ends it; further calls have no effect
 */
export function enterForeground(): () => void {
  foregroundCount += 1;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    foregroundCount -= 1;
  };
}

/**
 * Splits long computations of reading and bulk work into slices.
 *
 * All of them together get one slice in each iteration of the event loop, and about a fifth of its
 * time while foreground work is in progress.
 */
export class TimeSlices {
  /** Slices of all computations that are awaited now. */
  static get awaitedCount(): number {
    return waiting.length;
  }

  #endsAt = 0;

  /** Whether the computation has to `await next()` before it continues. */
  get isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Waits for the next slice. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      schedule();
    });
    this.#endsAt = performance.now() + SLICE_MS;
  }
}

/** Maps values in slices. */
export async function mapInSlices<T, R>(values: readonly T[], map: (value: T) => R): Promise<R[]> {
  if (values.length <= SMALL_COUNT) return values.map(map);
  const slices = new TimeSlices();
  const results: R[] = [];
  for (const value of values) {
    if (slices.isOver) await slices.next();
    results.push(map(value));
  }
  return results;
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  if (foregroundCount === 0) setImmediate(grant);
  else setTimeout(grant, PAUSE_MS);
}

function grant(): void {
  isScheduled = false;
  waiting.shift()?.();
  if (waiting.length > 0) schedule();
}
