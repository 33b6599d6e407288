import { Injectable } from '@nestjs/common';
import {
  type AuditEvent,
  type AuditReceipt,
  AuditTrail,
  type RecordOptions,
  together,
  type TransactionalWrite,
} from '#libs/audit';
import {
  CommunicationIdentityGateway,
  type CreatedIdentity,
  type IssuedToken,
  type TokenRequest,
  UpstreamOutcomeUnknown,
  UpstreamResourceMismatch,
} from '#libs/communication-services';
import { type CallContext, Clock, explain, Logger } from '#libs/platform';
import { BackgroundTasks } from './background-tasks.js';
import { LeaseLost, MappingPending } from '../errors.js';
import { IdentityMap, type Lease } from '../store/identity-map.js';
import { type ProvisionedMapping, type Mapping, auditTargetOf } from '../model/mapping.js';
import { OrphanedIdentities } from './orphaned-identities.js';
import { gatewayCallOf, auditActorOf } from './call-context.js';

/**
 * An identity that ACS has created, before its mapping is active.
 *
 * The owner commits it, or disposes of it. After a failed commit, and when it is disposed of without
 * a commit, a background task activates the mapping without a token, or records the identity as an
 * orphan and deletes it.
 */
export interface UncommittedIdentity extends Disposable {
  /** The mapping as `commit` stores it. */
  readonly mapping: ProvisionedMapping;
  /** The first token; `undefined` when none was requested. */
  readonly issued: IssuedToken | undefined;
  /**
   * Activates the mapping and records `identity.create`, followed by the event of the first token,
   * in one commit. To be called once.
   *
   * @param options about the caller; `late` gets the receipts of both entries
   * @param conditions commit as well, or refuse both entries
   * @returns the receipt of the token's entry; without a token event, of `identity.create`
   * @throws MappingPending when the lease has ended and another caller has taken the mapping over
   * @throws AuditUnavailable when the outcome of the commit is unknown
   */
  commit(
    tokenEvent?: AuditEvent,
    options?: RecordOptions,
    conditions?: readonly TransactionalWrite[],
  ): Promise<AuditReceipt>;
}

/** A mapping whose identity is created under a lease. */
interface Attempt {
  readonly mapping: Mapping;
  readonly lease: Lease;
  readonly context: CallContext;
}

/** What is needed to activate a mapping, or to record its identity as an orphan. */
interface Creation {
  readonly active: ProvisionedMapping;
  readonly lease: Lease;
  readonly context: CallContext;
  /** `identity.create` */
  readonly event: AuditEvent;
}

/** Creates the communication identity of a pending mapping, under a lease. */
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

  /** @throws AuditUnavailable when the log could not record an identity in time */
  requireCapacity(): void {
    this.audit.requireCapacity();
  }

  /**
   * Creates the identity at ACS with one call. The lease is released when the call fails.
   *
   * @param token requests the first token in the same call
   */
  async create(
    mapping: Mapping,
    lease: Lease,
    context: CallContext,
    token?: TokenRequest,
  ): Promise<UncommittedIdentity> {
    const created = await this.#createAtAcs(mapping, lease, context, token).catch(
      async (error: unknown) => {
        const release = async (): Promise<void> =>
          this.#releaseAfterFailure(mapping, lease, context, error);
        const { late } = error instanceof UpstreamOutcomeUnknown ? error : {};
        if (late) void this.#settleLate(late, { mapping, lease, context }, release);
        else await release();
        throw error;
      },
    );
    const creation = this.#creationOf({ mapping, lease, context }, created);
    const { active } = creation;
    let isCommitted = false;
    return {
      mapping: active,
      issued: 'token' in created ? created : undefined,
      commit: async (tokenEvent, options, conditions = []) => {
        isCommitted = true;
        return this.#commit(creation, tokenEvent, options, conditions);
      },
      [Symbol.dispose]: () => {
        if (!isCommitted) void this.#settle(creation);
      },
    };
  }

  /** Takes over a pending mapping whose lease has expired. @returns whether the new lease holds it */
  async takeOver(mapping: Mapping, lease: Lease): Promise<boolean> {
    try {
      await this.audit.record(leaseExpired(mapping), this.map.takeOver(mapping.id, lease));
      return true;
    } catch (error) {
      if (error instanceof LeaseLost) return false;
      throw error;
    }
  }

  /** Releases a pending mapping that the recovery worker has taken over, for the next caller. */
  async release(mapping: Mapping, lease: Lease): Promise<void> {
    await this.audit.record(leaseExpired(mapping), this.map.releaseUnknown(mapping.id, lease));
  }

  async #createAtAcs(
    mapping: Mapping,
    lease: Lease,
    context: CallContext,
    token: TokenRequest | undefined,
  ): Promise<CreatedIdentity | (CreatedIdentity & IssuedToken)> {
    const call = gatewayCallOf(mapping, context, lease);
    return token
      ? this.gateway.createIdentityWithToken(call, token)
      : this.gateway.createIdentity(call);
  }

  #creationOf(
    { mapping, lease, context }: Attempt,
    { communicationUserId, evidence }: CreatedIdentity,
  ): Creation {
    const active: ProvisionedMapping = {
      ...mapping,
      status: 'active',
      communicationUserId,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    const event: AuditEvent = {
      ...auditActorOf(context),
      action: 'identity.create',
      outcome: 'success',
      target: auditTargetOf(active),
      upstream: evidence,
    };
    return { active, lease, context, event };
  }

  async #commit(
    creation: Creation,
    tokenEvent: AuditEvent | undefined,
    options: RecordOptions | undefined,
    conditions: readonly TransactionalWrite[],
  ): Promise<AuditReceipt> {
    const { active, lease, event } = creation;
    const events = tokenEvent ? [event, tokenEvent] : [event];
    const activation = this.map.activate(active, lease);
    try {
      const write = conditions.length > 0 ? together([activation, ...conditions]) : activation;
      const receipts = await this.audit.recordAll(events, write, options);
      const receipt = receipts.at(-1);
      if (!receipt) throw new Error('no receipt for an entry');
      return receipt;
    } catch (error) {
      const settled = this.#settle(creation);
      if (!(error instanceof LeaseLost)) throw error;
      await settled;
      throw new MappingPending();
    }
  }

  /** Repeats in the background until the identity is mapped, or recorded as an orphan. */
  async #settle({ active, lease, context, event }: Creation): Promise<void> {
    const { id, communicationUserId } = active;
    await this.background.repeat(async () => {
      try {
        await this.audit.record(event, this.map.activate(active, lease));
      } catch (error) {
        if (!(error instanceof LeaseLost)) throw error;
        // An earlier commit, whose response was lost, may have activated the mapping.
        const stored = await this.map.get(id);
        if (stored?.communicationUserId === communicationUserId) return;
        await this.orphans.add({ communicationUserId, mapping: active }, context);
        // Still ours when a mass revocation refused the identity: the next caller need not wait.
        await this.map.release(id, lease);
      }
    });
  }

  /** Waits for the answer to a create whose caller waits no longer, under its lease. Never rejects. */
  async #settleLate(
    late: Promise<CreatedIdentity | undefined>,
    attempt: Attempt,
    release: () => Promise<void>,
  ): Promise<void> {
    await this.background.repeat(async () => {
      const created = await late;
      if (created) void this.#settle(this.#creationOf(attempt, created));
      else await release();
    });
  }

  /** Releases the mapping after a failed call; records an unknown outcome. Never rejects. */
  async #releaseAfterFailure(
    mapping: Mapping,
    lease: Lease,
    context: CallContext,
    error: unknown,
  ): Promise<void> {
    try {
      const reason = reasonOfLoss(error);
      if (reason === undefined) {
        await this.map.release(mapping.id, lease);
        return;
      }
      const event: AuditEvent = {
        ...auditActorOf(context),
        action: 'identity.outcome-unknown',
        outcome: 'unknown',
        target: auditTargetOf(mapping),
        reason,
      };
      await this.audit.record(event, this.map.releaseUnknown(mapping.id, lease));
    } catch (failure) {
      // The lease expires; the caller or worker that takes the mapping over records the outcome.
      this.logger.warn(
        { identityId: mapping.id, error: failure },
        'a pending mapping could not be released',
      );
    }
  }
}

/** @returns why ACS may have an identity that nobody uses; `undefined` when the call created none */
function reasonOfLoss(error: unknown): AuditEvent['reason'] {
  if (error instanceof UpstreamResourceMismatch)
    return { code: error.code, detail: explain(error.cause) };
  if (!(error instanceof UpstreamOutcomeUnknown)) return undefined;
  return { code: error.code, detail: 'the response of ACS to the create call was lost' };
}

function leaseExpired(mapping: Mapping): AuditEvent {
  return {
    action: 'identity.outcome-unknown',
    outcome: 'unknown',
    actor: { kind: 'system', name: 'identity-mapping' },
    target: auditTargetOf(mapping),
    reason: {
      code: 'lease-expired',
      detail: 'the lease expired before the identity was committed; ACS may have created one',
    },
  };
}
