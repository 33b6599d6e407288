import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Sweeps } from '#libs/platform';
import { AssignmentStore } from '../store/assignment-store.js';
import { AssignmentCalls } from './assignment-calls.js';

const INTERVAL_MS = 5_000;
/** Assignments that are carried out concurrently. */
const BATCH_SIZE = 16;

/** Carries out what mass revocations, and crashed or failed requests, still owe to ACS. One worker for each replica. */
@Injectable()
export class AssignmentRecovery implements OnApplicationBootstrap {
  constructor(
    private readonly store: AssignmentStore,
    private readonly calls: AssignmentCalls,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start({
      name: 'teams phone recovery',
      run: async (signal) => this.sweep(signal),
      intervalMs: INTERVAL_MS,
      jitter: 0.5,
    });
  }

  /**
   * What fails stops nothing else; the first failure is thrown at the end.
   *
   * @param signal aborts between two batches
   * @throws DatabaseUnavailable, AuditUnavailable
   */
  async sweep(signal?: AbortSignal): Promise<void> {
    await this.store.markRenewals(signal);
    let wasCarriedOut = true;
    while (wasCarriedOut && signal?.aborted !== true) {
      const ids = await this.store.overdue(BATCH_SIZE);
      const results = await Promise.allSettled(ids.map(async (id) => this.calls.carryOut(id)));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      // What failed is overdue again: the next sweep repeats it.
      wasCarriedOut =
        ids.length === BATCH_SIZE &&
        results.every(
          (result) =>
            result.status === 'fulfilled' &&
            result.value !== 'failed' &&
            result.value !== 'deferred',
        );
    }
  }
}
