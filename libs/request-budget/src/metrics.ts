import { Gauge, Histogram, type Registry } from 'prom-client';
import { ServiceError } from '#libs/platform';
import type { WindowKey } from './window/window-store.js';

/** What is read at each scrape. */
interface WindowGauges {
  readonly queued: () => number;
  /** Calls per window that are admitted now. */
  readonly limit: () => number;
  readonly configuredLimit: number;
}

/** Metrics of the request budget: how long requests wait for a permit, and how many are queued. */
export class BudgetMetrics {
  readonly #waits: Histogram<'resource' | 'operation' | 'outcome'>;
  readonly #windows = new Map<WindowKey, WindowGauges>();

  constructor(registry: Registry) {
    this.#waits = new Histogram({
      name: 'acs_budget_wait_seconds',
      help: 'Time in the queue of the request budget; near 0 without load',
      labelNames: ['resource', 'operation', 'outcome'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
    const windows = this.#windows;
    new Gauge({
      name: 'acs_budget_waiting',
      help: 'Calls in the queue of the request budget now',
      labelNames: ['resource', 'operation'],
      registers: [registry],
      collect() {
        for (const [key, { queued }] of windows) this.set(labelsOf(key), queued());
      },
    });
    new Gauge({
      name: 'acs_budget_limit',
      help: 'Calls per window that the request budget admits now; less than configured for a while after ACS answered 429',
      labelNames: ['resource', 'operation'],
      registers: [registry],
      collect() {
        for (const [key, { limit }] of windows) this.set(labelsOf(key), limit());
      },
    });
    new Gauge({
      name: 'acs_budget_configured_limit',
      help: 'Calls per window by the configuration',
      labelNames: ['resource', 'operation'],
      registers: [registry],
      collect() {
        for (const [key, { configuredLimit }] of windows) this.set(labelsOf(key), configuredLimit);
      },
    });
  }

  gauge(window: WindowKey, gauges: WindowGauges): void {
    this.#windows.set(window, gauges);
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

function labelsOf({ resource, operation }: WindowKey): { resource: string; operation: string } {
  return { resource, operation };
}
