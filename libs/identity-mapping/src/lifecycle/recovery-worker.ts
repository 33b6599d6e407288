import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';
import { LeaseLost } from '../errors.js';
import { IdentityCreation } from './identity-creation.js';
import { IdentityDeletion } from './identity-deletion.js';
import { IdentityMap, type Lease, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { isProvisioned, type Mapping } from '../model/mapping.js';
import { OrphanedIdentities } from './orphaned-identities.js';
import { TokenRevocation } from './token-revocation.js';
import { type CallContext } from './call-context.js';

/** How many mappings one sweep takes over at once; they are worked on together. */
const BATCH = 16;

const SWEEPER: CallContext = {
  actor: { kind: 'system', name: 'identity-sweeper' },
  priority: 'bulk',
};

/**
 * Goes on with what crashed or failed requests left undone: one in each replica, none in charge.
 *
 * What a sweeper takes over is its own for the length of a lease; if it fails or dies too, the next
 * one follows.
 */
@Injectable()
export class RecoveryWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly map: IdentityMap,
    private readonly creation: IdentityCreation,
    private readonly deletion: IdentityDeletion,
    private readonly revocation: TokenRevocation,
    private readonly orphans: OrphanedIdentities,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  onApplicationBootstrap(): void {
    this.#running = this.#run().catch(() => undefined);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Does all that is due now. @throws DatabaseUnavailable, AuditUnavailable */
  async sweep(): Promise<void> {
    for (let found = BATCH; found === BATCH && !this.#stop.signal.aborted;) {
      const lease = newLease(this.settings.leaseMs);
      const overdue = await this.map.claimOverdue(BATCH, lease);
      const results = await Promise.allSettled(
        overdue.map(async (mapping) => this.#finish(mapping, lease)),
      );
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      found = overdue.length;
    }
    const orphans = await this.map.claimOverdueOrphans(BATCH, newLease(this.settings.leaseMs));
    await Promise.all(orphans.map(async (orphan) => this.orphans.delete(orphan, SWEEPER)));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      // Replicas that started together do not sweep together.
      await this.clock.sleep(this.settings.sweepMs * (0.5 + Math.random() / 2), signal);
      try {
        await this.sweep();
      } catch (error) {
        this.logger.warn({ error }, 'a sweep of the identity map is repeated later');
      }
    }
  }

  async #finish(mapping: Mapping, lease: Lease): Promise<void> {
    this.logger.info({ identityId: mapping.id, status: mapping.status }, 'sweeping a mapping');
    if (!isProvisioned(mapping)) {
      await this.creation.release(mapping, lease).catch((error: unknown) => {
        if (!(error instanceof LeaseLost)) throw error;
      });
      return;
    }
    if (mapping.status === 'deleting') await this.deletion.complete(mapping, SWEEPER);
    if (mapping.isRevoking) await this.revocation.complete(mapping, SWEEPER);
  }
}
