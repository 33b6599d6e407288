import { Inject, Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { CommunicationIdentityGateway, CommunicationResources } from '#libs/communication-services';
import { type CallContext, Clock, Logger } from '#libs/platform';
import { BudgetExhausted } from '#libs/request-budget';
import { PersonRenewal } from '#libs/teams-phone';
import { MappingChanged } from '../errors.js';
import { IdentityMap, type Lease, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import {
  type ProvisionedMapping,
  isProvisioned,
  type Mapping,
  auditTargetOf,
} from '../model/mapping.js';
import { gatewayCallOf, auditActorOf } from './call-context.js';

/** Deletes identities: first at ACS, with their data and tokens, then here, where a tombstone stays. */
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
    private readonly renewal: PersonRenewal,
  ) {}

  /**
   * Marks a mapping as `deleting`, so that no token is issued for it, and calls ACS. Where ACS does
   * not confirm, the recovery worker repeats the call. The tokens that its person exchanged under a Teams
   * Phone assignment are revoked as well; the assignment stays.
   *
   * @param mapping the stored one, neither deleting nor deleted
   * @throws ResourceNotConfigured before anything is changed
   * @throws MappingChanged when it is not the stored one, or its identity is being created
   */
  async begin(
    mapping: Mapping,
    context: CallContext,
    reason?: AuditEvent['reason'],
  ): Promise<void> {
    if (!isProvisioned(mapping)) {
      await this.#deletePending(mapping, context, reason);
      await this.renewal.carryOut(mapping);
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
    const lease = newLease(this.settings.leaseMs, this.clock);
    await this.audit.record(
      this.#event(mapping, context, 'requested', reason),
      this.renewal.joinedTo(mapping, this.map.replace(mapping, next, lease)),
    );
    await Promise.all([this.complete(next, context, lease), this.renewal.carryOut(mapping)]);
  }

  /** Calls ACS and records its confirmation. Never rejects. */
  async complete(mapping: ProvisionedMapping, context: CallContext, lease: Lease): Promise<void> {
    try {
      const call = gatewayCallOf(mapping, context, lease);
      const { evidence } = await this.gateway.deleteIdentity(call, mapping.communicationUserId);
      await this.audit.record(
        { ...this.#event(mapping, context, 'confirmed'), upstream: evidence },
        this.map.finishDeletion(mapping.id),
      );
    } catch (error) {
      if (error instanceof MappingChanged) return;
      if (error instanceof BudgetExhausted) {
        this.logger.debug({ identityId: mapping.id }, 'the budget defers a deletion');
        return;
      }
      this.logger.warn({ identityId: mapping.id, error }, 'a deletion is not confirmed by ACS yet');
    }
  }

  /** Deletes a pending mapping, which has no identity at ACS. */
  async #deletePending(
    mapping: Mapping,
    context: CallContext,
    reason: AuditEvent['reason'],
  ): Promise<void> {
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
      this.#event(mapping, context, 'confirmed', reason),
      this.renewal.joinedTo(mapping, this.map.replace(mapping, next)),
    );
  }

  #event(
    mapping: Mapping,
    context: CallContext,
    stage: 'requested' | 'confirmed',
    reason?: AuditEvent['reason'],
  ): AuditEvent {
    return {
      ...auditActorOf(context),
      action: 'identity.delete',
      outcome: 'success',
      target: auditTargetOf(mapping),
      ...(reason && { reason }),
      details: { stage },
    };
  }
}
