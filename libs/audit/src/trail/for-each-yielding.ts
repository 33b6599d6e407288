import { setImmediate } from 'node:timers/promises';

/** How many go at a time: what they do then takes less than a millisecond together. */
const BATCH_SIZE = 8;

/**
 * Calls back for each value, a few at a time. What the callbacks set going runs before anything is
 * read from a socket: all at once, a thousand of them would leave the database waiting for its next
 * statement.
 */
export async function forEachYielding<T>(
  values: readonly T[],
  each: (value: T, nth: number) => void,
): Promise<void> {
  for (let start = 0; start < values.length; start += BATCH_SIZE) {
    if (start > 0) await setImmediate();
    for (const [nth, value] of values.slice(start, start + BATCH_SIZE).entries()) {
      each(value, start + nth);
    }
  }
}
