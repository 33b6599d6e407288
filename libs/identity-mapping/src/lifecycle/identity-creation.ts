import { Injectable } from '@nestjs/common';
import { type AuditEvent, type AuditReceipt, AuditTrail } from '#libs/audit';
import {
  CommunicationIdentityGateway,
  type CreatedIdentity,
  type GatewayCall,
  type IssuedToken,
  type TokenRequest,
  UpstreamOutcomeUnknown,
} from '#libs/communication-services';
import { Clock, Logger } from '#libs/platform';
import { BackgroundTasks } from './background-tasks.js';
import { LeaseLost, MappingPending } from '../errors.js';
import { IdentityMap, type Lease } from '../store/identity-map.js';
import { type ProvisionedMapping, type Mapping, auditTargetOf } from '../model/mapping.js';
import { OrphanedIdentities } from './orphaned-identities.js';
import { gatewayCallOf, type CallContext, auditActorOf } from './call-context.js';

/** Asks for the first token together with the identity: one call to ACS, one commit of the log. */
export interface CreateWithToken {
  readonly wish: TokenRequest;
  /** Makes the audit event of the token; recorded with the activation of the mapping. */
  tokenEvent(created: IssuedToken & { readonly mapping: ProvisionedMapping }): Promise<AuditEvent>;
}

/** An active mapping, and its first token when that was asked for and the identity was created now. */
export interface EnsuredMapping {
  readonly mapping: ProvisionedMapping;
  /** Whether this call has created the identity; absent: no. */
  readonly isNew?: boolean;
  readonly issued?: IssuedToken & { readonly auditEntry: AuditReceipt };
}

type Created = CreatedIdentity & Partial<IssuedToken>;

/** Makes the communication identity of a pending mapping, under a lease. */
@Injectable()
export class IdentityCreation {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly orphans: OrphanedIdentities,
    private readonly background: BackgroundTasks,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Asks ACS once, then activates the mapping in the commit that records it.
   *
   * An identity that ACS has made is not let go of: when the commit's outcome is unknown, work goes
   * on in the background until the identity is mapped, or recorded and deleted as an orphan.
   */
  async create(
    mapping: Mapping,
    lease: Lease,
    who: CallContext,
    withToken?: CreateWithToken,
  ): Promise<EnsuredMapping> {
    const created = await this.#askAcs(gatewayCallOf(mapping, who), withToken).catch(
      async (error: unknown) => {
        await this.#giveUp(mapping, lease, who, error);
        throw error;
      },
    );
    const { communicationUserId, token, expiresOn, evidence } = created;
    const active: ProvisionedMapping = {
      ...mapping,
      status: 'active',
      communicationUserId,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    const issued = token && expiresOn ? { token, expiresOn, evidence } : undefined;
    try {
      const events = [creationOf(active, created, who)];
      if (issued && withToken) {
        events.push(await withToken.tokenEvent({ ...issued, mapping: active }));
      }
      const activation = this.map.activate(active, lease);
      const receipts = await this.audit.recordAll(events, activation);
      const auditEntry = receipts[1];
      return issued && auditEntry
        ? { mapping: active, isNew: true, issued: { ...issued, auditEntry } }
        : { mapping: active, isNew: true };
    } catch (error) {
      const settled = this.background.run(async (signal) =>
        this.#settle(active, lease, who, created, signal),
      );
      if (!(error instanceof LeaseLost)) throw error;
      await settled;
      throw new MappingPending();
    }
  }

  /** Takes an abandoned mapping over. @returns whether it is the lease's now */
  async takeOver(mapping: Mapping, lease: Lease): Promise<boolean> {
    try {
      await this.audit.record(abandonmentOf(mapping), this.map.takeOver(mapping.id, lease));
      return true;
    } catch (error) {
      if (error instanceof LeaseLost) return false;
      throw error;
    }
  }

  /** Frees a mapping whose lease a sweeper took over, for the next one who needs it. */
  async release(mapping: Mapping, lease: Lease): Promise<void> {
    await this.audit.record(abandonmentOf(mapping), this.map.releaseUnknown(mapping.id, lease));
  }

  async #askAcs(call: GatewayCall, withToken: CreateWithToken | undefined): Promise<Created> {
    if (!withToken) return this.gateway.createIdentity(call);
    return this.gateway.createIdentityWithToken(call, withToken.wish);
  }

  /** Goes on until the identity is mapped, or known as an orphan. */
  async #settle(
    active: ProvisionedMapping,
    lease: Lease,
    who: CallContext,
    created: Created,
    signal: AbortSignal,
  ): Promise<void> {
    const { id, communicationUserId } = active;
    await this.background.repeat(signal, async () => {
      try {
        const activation = this.map.activate(active, lease);
        await this.audit.record(creationOf(active, created, who), activation);
      } catch (error) {
        if (!(error instanceof LeaseLost)) throw error;
        // A commit whose answer was lost may have been the one that ended the lease.
        const stored = await this.map.get(id);
        if (stored?.communicationUserId === communicationUserId) return;
        await this.orphans.add({ communicationUserId, mapping: active }, who);
      }
    });
  }

  /** Frees the mapping after a failed create; records it where ACS may have made an identity. */
  async #giveUp(mapping: Mapping, lease: Lease, who: CallContext, error: unknown): Promise<void> {
    try {
      if (!(error instanceof UpstreamOutcomeUnknown)) {
        await this.map.release(mapping.id, lease);
        return;
      }
      const event: AuditEvent = {
        ...auditActorOf(who),
        action: 'identity.outcome-unknown',
        outcome: 'unknown',
        target: auditTargetOf(mapping),
        reason: { code: error.code, detail: 'the answer of ACS to a create was lost' },
      };
      await this.audit.record(event, this.map.releaseUnknown(mapping.id, lease));
    } catch (failure) {
      // The lease ends by itself; whoever comes next records the unknown outcome.
      this.logger.warn(
        { identityId: mapping.id, error: failure },
        'a pending mapping could not be released',
      );
    }
  }
}

function creationOf(
  active: ProvisionedMapping,
  { evidence }: Created,
  who: CallContext,
): AuditEvent {
  return {
    ...auditActorOf(who),
    action: 'identity.create',
    outcome: 'success',
    target: auditTargetOf(active),
    upstream: evidence,
  };
}

function abandonmentOf(mapping: Mapping): AuditEvent {
  return {
    action: 'identity.outcome-unknown',
    outcome: 'unknown',
    actor: { kind: 'system', name: 'identity-mapping' },
    target: auditTargetOf(mapping),
    reason: {
      code: 'lease-expired',
      detail: 'whoever was creating the identity went away; ACS may have made one',
    },
  };
}
