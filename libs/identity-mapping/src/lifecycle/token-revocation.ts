import { Inject, Injectable } from '@nestjs/common';
import { type AuditAction, type AuditEvent, type AuditReceipt, AuditTrail } from '#libs/audit';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import { Clock, Logger } from '#libs/platform';
import { MappingChanged } from '../errors.js';
import { IdentityMap, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { type ProvisionedMapping, auditTargetOf } from '../model/mapping.js';
import { gatewayCallOf, type CallContext, auditActorOf } from './call-context.js';

/** A change of a mapping that ends all its tokens. */
export interface Revoking {
  /** As it is stored now. */
  readonly mapping: ProvisionedMapping;
  readonly action: Extract<AuditAction, 'token.revoke' | 'identity.suspend'>;
  readonly reason?: AuditEvent['reason'];
  readonly displayName?: string | undefined;
}

/** Ends all tokens of an identity: at once here, within 15 minutes at ACS. */
@Injectable()
export class TokenRevocation {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /**
   * Begins a new generation of tokens and asks ACS to revoke the old ones. What ACS did not confirm
   * is owed, and the sweepers go on with it.
   *
   * @returns the entry of the change, which is durable
   * @throws MappingChanged when the mapping is no longer the one that was given
   */
  async begin(revoking: Revoking, who: CallContext): Promise<AuditReceipt> {
    const { mapping, action, reason } = revoking;
    const next: ProvisionedMapping = {
      ...mapping,
      status: action === 'identity.suspend' ? 'suspended' : mapping.status,
      displayName: 'displayName' in revoking ? revoking.displayName : mapping.displayName,
      tokenGeneration: mapping.tokenGeneration + 1,
      isRevoking: true,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    const receipt = await this.audit.record(
      {
        ...auditActorOf(who),
        action,
        outcome: 'success',
        target: auditTargetOf(mapping),
        ...(reason && { reason }),
        details: { stage: 'requested', tokenGeneration: next.tokenGeneration },
      },
      this.map.replace(mapping, next, newLease(this.settings.leaseMs)),
    );
    await this.complete(next, who);
    return receipt;
  }

  /** Asks ACS for what is owed and records its confirmation. Never rejects. */
  async complete(mapping: ProvisionedMapping, who: CallContext): Promise<void> {
    try {
      const call = gatewayCallOf(mapping, who);
      const { evidence } = await this.gateway.revokeTokens(call, mapping.communicationUserId);
      await this.audit.record(
        {
          ...auditActorOf(who),
          action: 'token.revoke',
          outcome: 'success',
          target: auditTargetOf(mapping),
          upstream: evidence,
          details: { stage: 'confirmed', tokenGeneration: mapping.tokenGeneration },
        },
        this.map.finishRevocation(mapping),
      );
    } catch (error) {
      // Another revocation, or a deletion, has come since: it does this one's work too.
      if (error instanceof MappingChanged) return;
      this.logger.warn({ identityId: mapping.id, error }, 'a revocation is still owed to ACS');
    }
  }
}
