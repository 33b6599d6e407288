import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import { type CallContext, Clock, Logger } from '#libs/platform';
import { BudgetExhausted } from '#libs/request-budget';
import { MappingChanged } from '../errors.js';
import { IdentityMap, type Lease, type Orphan, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { auditTargetOf, ORPHANED } from '../model/mapping.js';
import { gatewayCallOf, auditActorOf } from './call-context.js';

const REASON = {
  code: ORPHANED,
  detail: 'the identity was created after its lease had expired; no mapping leads to it',
};

/** Records identities at ACS that no mapping leads to, and deletes them there. */
@Injectable()
export class OrphanedIdentities {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /**
   * Records an orphan and deletes it at ACS; the recovery worker repeats a failed deletion. Safe to repeat:
   * one that is recorded already is the worker's, and one that a mapping leads to is none.
   */
  async add(orphan: Orphan, context: CallContext): Promise<void> {
    const lease = newLease(this.settings.leaseMs, this.clock);
    try {
      await this.audit.record(
        {
          ...auditActorOf(context),
          action: 'identity.create',
          outcome: 'failure',
          target: this.#targetOf(orphan),
          reason: REASON,
        },
        this.map.addOrphan(orphan, lease),
      );
    } catch (error) {
      if (error instanceof MappingChanged) return;
      throw error;
    }
    await this.delete(orphan, context, lease);
  }

  /** Deletes at ACS an orphan that was added, or claimed, under the lease, and records that. Never rejects. */
  async delete(orphan: Orphan, context: CallContext, lease: Lease): Promise<void> {
    const { communicationUserId, mapping } = orphan;
    try {
      const call = gatewayCallOf(mapping, context, lease);
      const { evidence } = await this.gateway.deleteIdentity(call, communicationUserId);
      await this.audit.record(
        {
          ...auditActorOf(context),
          action: 'identity.delete',
          outcome: 'success',
          target: this.#targetOf(orphan),
          reason: REASON,
          upstream: evidence,
        },
        this.map.finishOrphan(communicationUserId),
      );
    } catch (error) {
      if (error instanceof MappingChanged) return;
      if (error instanceof BudgetExhausted) {
        this.logger.debug({ communicationUserId }, 'the budget defers the deletion of an orphan');
        return;
      }
      this.logger.warn({ communicationUserId, error }, 'an orphan could not be deleted yet');
    }
  }

  #targetOf({ communicationUserId, mapping }: Orphan): ReturnType<typeof auditTargetOf> {
    return { ...auditTargetOf(mapping), communicationUserId };
  }
}
