import { setTimeout as delay } from 'node:timers/promises';
import { Clock } from './clock.js';

/** The machine's own time. A sleeper does not keep the process alive. */
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
