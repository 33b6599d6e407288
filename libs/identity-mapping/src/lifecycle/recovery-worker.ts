import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type CallContext, Clock, Logger, Sweeps } from '#libs/platform';
import { LeaseLost } from '../errors.js';
import { IdentityCreation } from './identity-creation.js';
import { IdentityDeletion } from './identity-deletion.js';
import { IdentityMap, type Lease, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { isProvisioned, type Mapping } from '../model/mapping.js';
import { OrphanedIdentities } from './orphaned-identities.js';
import { TokenRevocation } from './token-revocation.js';

/** Mappings, or orphans, of one ACS resource that are taken over under one lease, and completed concurrently. */
const BATCH_SIZE = 16;

const CONTEXT: CallContext = {
  actor: { kind: 'system', name: 'identity-sweeper' },
  priority: 'bulk',
};

/**
 * Completes the creations, deletions and revocations that crashed or failed requests left unfinished.
 *
 * One worker for each replica; only leases coordinate them. What a worker has taken over and not
 * completed is taken over again when the lease expires.
 */
@Injectable()
export class RecoveryWorker implements OnApplicationBootstrap {
  constructor(
    private readonly map: IdentityMap,
    private readonly creation: IdentityCreation,
    private readonly deletion: IdentityDeletion,
    private readonly revocation: TokenRevocation,
    private readonly orphans: OrphanedIdentities,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start({
      name: 'identity recovery',
      run: async (signal) => this.sweep(signal),
      intervalMs: this.settings.sweepMs,
      jitter: 0.5,
    });
  }

  /**
   * Completes everything that is overdue. What fails stops nothing else; the first failure is thrown
   * at the end.
   *
   * @param signal aborts between two batches
   * @throws DatabaseUnavailable, AuditUnavailable
   */
  async sweep(signal?: AbortSignal): Promise<void> {
    const results = await Promise.allSettled([
      this.#completeMappings(signal),
      this.#deleteOrphans(signal),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #completeMappings(signal?: AbortSignal): Promise<void> {
    const find = async (): Promise<readonly string[]> => this.map.owedResources();
    const carryOut = async (resource: string): Promise<boolean> => this.#completeAt(resource);
    await this.sweeps.byResource({ find, carryOut }, signal);
  }

  async #deleteOrphans(signal?: AbortSignal): Promise<void> {
    const find = async (): Promise<readonly string[]> => this.map.owedOrphanResources();
    const carryOut = async (resource: string): Promise<boolean> => this.#deleteOrphansAt(resource);
    await this.sweeps.byResource({ find, carryOut }, signal);
  }

  /** @returns whether there may be more; what was not completed has a lease */
  async #completeAt(resource: string): Promise<boolean> {
    const lease = newLease(this.settings.leaseMs, this.clock);
    const overdue = await this.map.claimOverdue(resource, BATCH_SIZE, lease);
    const results = await Promise.allSettled(
      overdue.map(async (mapping) => this.#complete(mapping, lease)),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return overdue.length === BATCH_SIZE;
  }

  /** @returns as above */
  async #deleteOrphansAt(resource: string): Promise<boolean> {
    const lease = newLease(this.settings.leaseMs, this.clock);
    const orphans = await this.map.claimOverdueOrphans(resource, BATCH_SIZE, lease);
    await Promise.all(orphans.map(async (orphan) => this.orphans.delete(orphan, CONTEXT, lease)));
    return orphans.length === BATCH_SIZE;
  }

  async #complete(mapping: Mapping, lease: Lease): Promise<void> {
    this.logger.info({ identityId: mapping.id, status: mapping.status }, 'recovering a mapping');
    if (!isProvisioned(mapping)) {
      await this.creation.release(mapping, lease).catch((error: unknown) => {
        if (!(error instanceof LeaseLost)) throw error;
      });
      return;
    }
    if (mapping.status === 'deleting') await this.deletion.complete(mapping, CONTEXT, lease);
    if (mapping.isRevoking) await this.revocation.complete(mapping, CONTEXT, lease);
  }
}
