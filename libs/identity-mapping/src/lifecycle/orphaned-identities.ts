import { Inject, Injectable } from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import { Logger } from '#libs/platform';
import { MappingChanged } from '../errors.js';
import { IdentityMap, type Orphan, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { auditTargetOf } from '../model/mapping.js';
import { gatewayCallOf, type CallContext, auditActorOf } from './call-context.js';

const REASON = {
  code: 'orphaned',
  detail: 'the identity was made after its lease had ended, so that no mapping leads to it',
};

/** Identities that ACS made and that no mapping leads to: recorded, then deleted at ACS. */
@Injectable()
export class OrphanedIdentities {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /** Records an orphan and deletes it at ACS; a deletion that fails is left to the sweepers. Safe to repeat. */
  async add(orphan: Orphan, who: CallContext): Promise<void> {
    try {
      await this.audit.record(
        {
          ...auditActorOf(who),
          action: 'identity.create',
          outcome: 'failure',
          target: this.#targetOf(orphan),
          reason: REASON,
        },
        this.map.addOrphan(orphan, newLease(this.settings.leaseMs)),
      );
    } catch (error) {
      if (!(error instanceof MappingChanged)) throw error;
    }
    await this.delete(orphan, who);
  }

  /** Deletes a recorded orphan at ACS and records that. Never rejects. */
  async delete(orphan: Orphan, who: CallContext): Promise<void> {
    const { communicationUserId, mapping } = orphan;
    try {
      const call = gatewayCallOf(mapping, who);
      const { evidence } = await this.gateway.deleteIdentity(call, communicationUserId);
      await this.audit.record(
        {
          ...auditActorOf(who),
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
      this.logger.warn({ communicationUserId, error }, 'an orphan could not be deleted yet');
    }
  }

  #targetOf({ communicationUserId, mapping }: Orphan): ReturnType<typeof auditTargetOf> {
    return { ...auditTargetOf(mapping), communicationUserId };
  }
}
