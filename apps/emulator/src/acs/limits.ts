import { SlidingWindow } from '../sliding-window.js';
import type { AcsSettings } from './settings.js';

/** The operations with a rate limit of their own. */
export type LimitedOperation = keyof Exclude<AcsSettings['limits'], 'off'>;

/** The rate limits of one ACS resource. */
export class Limits {
  readonly #windows = new Map<LimitedOperation, SlidingWindow>();

  /** @returns 0 when the request passes, otherwise the milliseconds to wait. */
  take(operation: LimitedOperation, settings: AcsSettings): number {
    if (settings.limits === 'off') return 0;
    const limit = settings.limits[operation];
    let window = this.#windows.get(operation);
    if (window?.limit !== limit) {
      window = new SlidingWindow(limit, settings.windowSeconds * 1000);
      this.#windows.set(operation, window);
    }
    const nowMs = performance.now();
    const waitMs = window.tryPass(nowMs);
    if (waitMs > 0 && settings.countRefused) window.accrue(nowMs);
    return waitMs;
  }

  reset(): void {
    this.#windows.clear();
  }
}
