import { Inject, Injectable } from '@nestjs/common';
import {
  type AuditAction,
  type AuditEvent,
  type AuditReceipt,
  AuditTrail,
  together,
  type TransactionalWrite,
} from '#libs/audit';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import { type CallContext, Clock, Logger } from '#libs/platform';
import { BudgetExhausted } from '#libs/request-budget';
import { PersonRenewal, TeamsPhoneAssignments } from '#libs/teams-phone';
import { MappingChanged } from '../errors.js';
import { changesOf } from './access-audit.js';
import { IdentityMap, type Lease, newLease } from '../store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { type ProvisionedMapping, auditTargetOf } from '../model/mapping.js';
import { gatewayCallOf, auditActorOf } from './call-context.js';

/** A change of a mapping that revokes all its tokens. */
export interface RevokingChange {
  /** The stored one. */
  readonly mapping: ProvisionedMapping;
  readonly action: Extract<AuditAction, 'token.revoke' | 'identity.suspend'>;
  readonly reason?: AuditEvent['reason'] | undefined;
  readonly displayName?: string | undefined;
  /** Further identities of the person, whose tokens are revoked in the same commit. */
  readonly others?: readonly ProvisionedMapping[];
}

/** A change to be recorded, and what ACS is called about afterwards. */
interface Revoking {
  readonly event: AuditEvent;
  readonly write: TransactionalWrite;
  readonly next: ProvisionedMapping;
  readonly lease: Lease;
}

/** The reason of what a suspension ends besides the identity's own tokens. */
const SUSPENDED = { code: 'identity-suspended' };

/**
 * Revokes all tokens of an identity, and those that its person exchanged under a Teams Phone assignment: at
 * once for this service, within 15 minutes of its confirmation at ACS.
 */
@Injectable()
export class TokenRevocation {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
    private readonly teamsPhone: TeamsPhoneAssignments,
    private readonly renewal: PersonRenewal,
  ) {}

  /**
   * Starts a new generation of tokens and calls ACS to revoke the old ones. Where ACS does not
   * confirm, the recovery worker repeats the call.
   *
   * @returns the receipt of the change's entry
   * @throws MappingChanged when a mapping is not the stored one
   */
  async begin(change: RevokingChange, context: CallContext): Promise<AuditReceipt> {
    const { mapping, action, others = [] } = change;
    const isSuspending = action === 'identity.suspend'; // deletes the assignment instead
    const reason = isSuspending ? SUSPENDED : change.reason;
    const revoking = [
      this.#revoking(change, context),
      ...others.map((other) =>
        this.#revoking({ mapping: other, action: 'token.revoke', reason }, context),
      ),
    ];
    const write = together(revoking.map((one) => one.write));
    const [receipt] = await this.audit.recordAll(
      revoking.map(({ event }) => event),
      isSuspending ? write : this.renewal.joinedTo(mapping, write),
    );
    if (!receipt) throw new Error('no receipt for an entry');
    await Promise.all([
      ...revoking.map(async ({ next, lease }) => this.complete(next, context, lease)),
      this.renewal.carryOut(mapping),
    ]);
    return receipt;
  }

  #revoking(change: RevokingChange, context: CallContext): Revoking {
    const { mapping, action, reason } = change;
    const isSuspending = action === 'identity.suspend';
    const next: ProvisionedMapping = {
      ...mapping,
      status: isSuspending ? 'suspended' : mapping.status,
      displayName: 'displayName' in change ? change.displayName : mapping.displayName,
      tokenGeneration: mapping.tokenGeneration + 1,
      isRevoking: true,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    const lease = newLease(this.settings.leaseMs, this.clock);
    const event: AuditEvent = {
      ...auditActorOf(context),
      action,
      outcome: 'success',
      target: auditTargetOf(mapping),
      ...(reason && { reason }),
      ...(change.displayName !== undefined && { displayName: change.displayName }),
      details: {
        stage: 'requested',
        tokenGeneration: next.tokenGeneration,
        ...(isSuspending && changesOf(mapping, next)),
      },
    };
    return { event, write: this.map.replace(mapping, next, lease), next, lease };
  }

  /**
   * Calls ACS and records its confirmation. Before, the Teams Phone assignment of somebody who is suspended
   * is deleted: from the suspension on there is no new one. Where that fails, ACS revokes the tokens of the
   * identity all the same, and the recovery worker repeats both. Never rejects.
   */
  async complete(mapping: ProvisionedMapping, context: CallContext, lease: Lease): Promise<void> {
    try {
      const [deletion] = await Promise.allSettled([this.#deleteAssignment(mapping, context)]);
      const call = gatewayCallOf(mapping, context, lease);
      const { evidence } = await this.gateway.revokeTokens(call, mapping.communicationUserId);
      if (deletion.status === 'rejected') throw deletion.reason;
      await this.audit.record(
        {
          ...auditActorOf(context),
          action: 'token.revoke',
          outcome: 'success',
          target: auditTargetOf(mapping),
          upstream: evidence,
          details: { stage: 'confirmed', tokenGeneration: mapping.tokenGeneration },
        },
        this.map.finishRevocation(mapping),
      );
    } catch (error) {
      // A later revocation or a deletion revokes these tokens too.
      if (error instanceof MappingChanged) return;
      if (error instanceof BudgetExhausted) {
        this.logger.debug({ identityId: mapping.id }, 'the budget defers a revocation');
        return;
      }
      this.logger.warn(
        { identityId: mapping.id, error },
        'a revocation is not confirmed by ACS yet',
      );
    }
  }

  async #deleteAssignment(mapping: ProvisionedMapping, context: CallContext): Promise<void> {
    if (mapping.status !== 'suspended') return;
    await this.teamsPhone.deleteForPerson(mapping, context, SUSPENDED);
  }
}
