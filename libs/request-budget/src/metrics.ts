import { Gauge, Histogram, type Registry } from 'prom-client';
import { ServiceError } from '#libs/platform';
import type { WindowKey } from './window/window-store.js';

/** How long calls wait for their turn, and how many. */
export class BudgetMetrics {
  readonly #waits: Histogram<'resource' | 'operation' | 'outcome'>;
  readonly #sizes = new Map<WindowKey, () => number>();

  constructor(registry: Registry) {
    this.#waits = new Histogram({
      name: 'acs_budget_wait_seconds',
      help: 'Time that calls waited for their turn in the request budget, by outcome',
      labelNames: ['resource', 'operation', 'outcome'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
    const sizes = this.#sizes;
    new Gauge({
      name: 'acs_budget_waiting',
      help: 'Calls that wait for their turn in the request budget now',
      labelNames: ['resource', 'operation'],
      registers: [registry],
      collect() {
        for (const [{ resource, operation }, size] of sizes) {
          this.set({ resource, operation }, size());
        }
      },
    });
  }

  /** @param size how many wait when it is asked for */
  waiting(lane: WindowKey, size: () => number): void {
    this.#sizes.set(lane, size);
  }

  /** Measures one wait. */
  async watch<T>({ resource, operation }: WindowKey, wait: () => Promise<T>): Promise<T> {
    const stop = this.#waits.startTimer({ resource, operation });
    try {
      const permit = await wait();
      stop({ outcome: 'granted' });
      return permit;
    } catch (error) {
      stop({ outcome: error instanceof ServiceError ? error.code : 'aborted' });
      throw error;
    }
  }
}
