import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Sweeps } from '#libs/platform';
import { AssignmentStore } from '../store/assignment-store.js';
import { AssignmentCalls } from './assignment-calls.js';

const INTERVAL_MS = 5_000;
/** Between two looks for a mass revocation that has begun. */
const MARKING_MS = 1_000;
/** Assignments of one ACS resource that are carried out concurrently. */
const BATCH_SIZE = 16;

/**
 * Carries out what mass revocations, and crashed or failed requests, still owe to ACS. One worker for each
 * replica; only leases coordinate them.
 */
@Injectable()
export class AssignmentRecovery implements OnApplicationBootstrap {
  constructor(
    private readonly store: AssignmentStore,
    private readonly calls: AssignmentCalls,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start({
      name: 'teams phone renewal',
      run: async (signal) => this.markRenewals(signal),
      intervalMs: MARKING_MS,
      jitter: 0.5,
    });
    this.sweeps.start({
      name: 'teams phone recovery',
      run: async (signal) => this.sweep(signal),
      intervalMs: INTERVAL_MS,
      jitter: 0.5,
    });
  }

  /** Makes owed what mass revocations have begun to renew. @throws DatabaseUnavailable */
  async markRenewals(signal?: AbortSignal): Promise<void> {
    await this.store.markRenewals(signal);
  }

  /**
   * What fails stops nothing else; the first failure is thrown at the end.
   *
   * @param signal aborts between two batches
   * @throws DatabaseUnavailable, AuditUnavailable
   */
  async sweep(signal?: AbortSignal): Promise<void> {
    const find = async (): Promise<readonly string[]> => this.store.owedResources();
    const carryOut = async (resource: string): Promise<boolean> => this.#carryOut(resource);
    await this.sweeps.byResource({ find, carryOut }, signal);
  }

  /** @returns whether more can be done now. What failed is overdue again, behind the others. */
  async #carryOut(resource: string): Promise<boolean> {
    const ids = await this.store.overdue(resource, BATCH_SIZE);
    const results = await Promise.allSettled(ids.map(async (id) => this.calls.carryOut(id)));
    const outcomes = results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    const isReachable = outcomes.some((outcome) => outcome !== 'failed');
    return ids.length === BATCH_SIZE && isReachable && !outcomes.includes('deferred');
  }
}
