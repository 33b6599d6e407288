import { Inject, Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { CommunicationIdentityGateway, CommunicationResources } from '#libs/communication-services';
import { Clock, Logger } from '#libs/platform';
import { MappingChanged } from '../errors.js';
import { IdentityMap, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import {
  type ProvisionedMapping,
  isProvisioned,
  type Mapping,
  auditTargetOf,
} from '../model/mapping.js';
import { gatewayCallOf, type CallContext, auditActorOf } from './call-context.js';

/** Deletes identities: at ACS first, with their data and tokens, then here, down to a tombstone. */
@Injectable()
export class IdentityDeletion {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /**
   * Begins the deletion of a mapping and tries to end it. From here on no token is issued; what ACS
   * did not confirm is owed, and the sweepers go on with it.
   *
   * @param mapping as it is stored now, neither deleting nor deleted
   * @throws ResourceNotConfigured before anything is changed
   * @throws MappingChanged when the mapping is no longer the one that was given, or its identity is
   *   being created
   */
  async begin(mapping: Mapping, who: CallContext, reason?: AuditEvent['reason']): Promise<void> {
    if (!isProvisioned(mapping)) {
      await this.#forget(mapping, who, reason);
      return;
    }
    this.resources.find(mapping.resource);
    const next: ProvisionedMapping = {
      ...mapping,
      status: 'deleting',
      tokenGeneration: mapping.tokenGeneration + 1,
      isRevoking: false,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    await this.audit.record(
      this.#event(mapping, who, 'requested', reason),
      this.map.replace(mapping, next, newLease(this.settings.leaseMs)),
    );
    await this.complete(next, who);
  }

  /** Asks ACS for what is owed and records its confirmation. Never rejects. */
  async complete(mapping: ProvisionedMapping, who: CallContext): Promise<void> {
    try {
      const call = gatewayCallOf(mapping, who);
      const { evidence } = await this.gateway.deleteIdentity(call, mapping.communicationUserId);
      await this.audit.record(
        { ...this.#event(mapping, who, 'confirmed'), upstream: evidence },
        this.map.finishDeletion(mapping.id),
      );
    } catch (error) {
      if (error instanceof MappingChanged) return;
      this.logger.warn({ identityId: mapping.id, error }, 'a deletion is still owed to ACS');
    }
  }

  /** A pending mapping that nobody is creating an identity for: ACS knows nothing of it. */
  async #forget(mapping: Mapping, who: CallContext, reason: AuditEvent['reason']): Promise<void> {
    const now = new Date(this.clock.now());
    const next: Mapping = {
      ...mapping,
      status: 'deleted',
      displayName: undefined,
      version: mapping.version + 1,
      updatedAt: now,
      deletedAt: now,
    };
    await this.audit.record(
      this.#event(mapping, who, 'confirmed', reason),
      this.map.replace(mapping, next),
    );
  }

  #event(
    mapping: Mapping,
    who: CallContext,
    stage: 'requested' | 'confirmed',
    reason?: AuditEvent['reason'],
  ): AuditEvent {
    return {
      ...auditActorOf(who),
      action: 'identity.delete',
      outcome: 'success',
      target: auditTargetOf(mapping),
      ...(reason && { reason }),
      details: { stage },
    };
  }
}
