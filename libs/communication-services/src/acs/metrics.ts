import { Histogram, type Registry } from 'prom-client';
import type { AcsOperation } from '#libs/request-budget';

/** Metrics of the calls to ACS: their duration by outcome. */
export class GatewayMetrics {
  readonly #durations: Histogram<'resource' | 'operation' | 'outcome'>;

  constructor(registry: Registry) {
    this.#durations = new Histogram({
      name: 'acs_request_duration_seconds',
      help: 'Duration of one call to ACS',
      labelNames: ['resource', 'operation', 'outcome'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers: [registry],
    });
  }

  /** @returns a function to call with the outcome when the call ended */
  start(resource: string, operation: AcsOperation): (outcome: string) => void {
    const stop = this.#durations.startTimer({ resource, operation });
    return (outcome) => {
      stop({ outcome });
    };
  }
}
