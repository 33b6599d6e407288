import { setImmediate } from 'node:timers/promises';

/** The callbacks of one batch and what they resume take less than a millisecond together. */
const BATCH_SIZE = 8;

/**
 * Calls back for each value, a few in each iteration of the event loop. A thousand at once would delay
 * the next read from a socket, and the database would wait for its next statement meanwhile.
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
