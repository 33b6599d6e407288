import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { IdentityAdministrationService, IdentityMap } from '#libs/identity-mapping';
import { type CallContext, canonicalName, Logger, Sweeps } from '#libs/platform';
import { type DueVisitor, InvitationStore } from './store/invitation-store.js';

const INTERVAL_MS = 5_000;
/** Identities of one ACS resource that are deleted concurrently. */
const BATCH_SIZE = 16;
/** How long a worker has a visitor, and how long one rests whose identity could not be deleted. */
const CLAIM_MS = 60_000;
/** Longer than a process that was suspended in the middle of a request continues with it. */
const LATE_MS = 3_600_000;

const CONTEXT: CallContext = {
  actor: { kind: 'system', name: 'visitor-cleanup' },
  priority: 'bulk',
};

/**
 * Deletes the identities of visitors that are due, and returns the uses of requests that died.
 *
 * One worker for each replica; only leases coordinate them. It runs also where nobody can invite any more,
 * so that no identity of an earlier visitor stays.
 */
@Injectable()
export class VisitorCleanup implements OnApplicationBootstrap {
  constructor(
    private readonly store: InvitationStore,
    private readonly map: IdentityMap,
    private readonly administration: IdentityAdministrationService,
    private readonly logger: Logger,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start({
      name: 'visitor cleanup',
      run: async (signal) => this.sweep(signal),
      intervalMs: INTERVAL_MS,
      jitter: 0.5,
    });
    this.sweeps.start({
      name: 'invitation cleanup',
      run: async (signal) => this.store.sweep(signal),
      intervalMs: 3_600_000,
      jitter: 0.5,
    });
  }

  /**
   * Begins the deletion of every identity that is due. The recovery worker of identities repeats the calls
   * that ACS does not confirm.
   *
   * @param signal aborts between two batches
   */
  async sweep(signal?: AbortSignal): Promise<void> {
    const find = async (): Promise<readonly string[]> => this.store.dueResources();
    const carryOut = async (resource: string): Promise<boolean> => this.#tidyAt(resource);
    await this.sweeps.byResource({ find, carryOut }, signal);
  }

  /** @returns whether there may be more */
  async #tidyAt(resource: string): Promise<boolean> {
    const due = await this.store.claimDue(resource, BATCH_SIZE, CLAIM_MS);
    await Promise.all(due.map(async (visitor) => this.#tidy(visitor)));
    return due.length === BATCH_SIZE;
  }

  /** Never rejects. */
  async #tidy(visitor: DueVisitor): Promise<void> {
    const { id, tenant, isAdmitted, ageMs } = visitor;
    try {
      const mapping = await this.map.find({ tenant, subject: canonicalName(id) });
      if (mapping) await this.administration.delete({ id: mapping.id, tenant: 'any' }, CONTEXT);
      const isOver = mapping !== undefined || isAdmitted || ageMs >= LATE_MS;
      // A process that has only slept may still create its identity.
      await (isOver ? this.store.finish(id) : this.store.postpone(id, LATE_MS - ageMs));
    } catch (error) {
      this.logger.warn({ visitor: id, error }, 'the identity of a visitor is not deleted yet');
    }
  }
}
