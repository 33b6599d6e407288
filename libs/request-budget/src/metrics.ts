import { Gauge, Histogram, type Registry } from 'prom-client';
import { ServiceError } from '#libs/platform';
import type { WindowKey } from './window/window-store.js';

/** Metrics of the request budget: how long requests wait for a permit, and how many are queued. */
export class BudgetMetrics {
  readonly #waits: Histogram<'resource' | 'operation' | 'outcome'>;
  readonly #queues = new Map<WindowKey, () => number>();

  constructor(registry: Registry) {
    this.#waits = new Histogram({
      name: 'acs_budget_wait_seconds',
      help: 'Time that requests waited for a permit of the request budget, by outcome',
      labelNames: ['resource', 'operation', 'outcome'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
    const queues = this.#queues;
    new Gauge({
      name: 'acs_budget_waiting',
      help: 'Requests that are queued for a permit of the request budget now',
      labelNames: ['resource', 'operation'],
      registers: [registry],
      collect() {
        for (const [{ resource, operation }, size] of queues) {
          this.set({ resource, operation }, size());
        }
      },
    });
  }

  /** @param size how many requests are queued; called at each scrape */
  gaugeQueue(window: WindowKey, size: () => number): void {
    this.#queues.set(window, size);
  }

  observeWait({ resource, operation }: WindowKey, outcome: string, seconds: number): void {
    this.#waits.observe({ resource, operation, outcome }, seconds);
  }

  /** Measures a wait, and its outcome: granted, the code of the refusal, or aborted. */
  async timeWait<T>({ resource, operation }: WindowKey, wait: () => Promise<T>): Promise<T> {
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
