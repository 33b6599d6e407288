import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail, auditActorOf } from '#libs/audit';
import {
  CommunicationIdentityGateway,
  CommunicationResources,
  type GatewayCall,
  TeamsPhoneAssignmentRefused,
  type UpstreamEvidence,
  UpstreamOutcomeUnknown,
} from '#libs/communication-services';
import { type CallContext, Clock, isPrincipal, type Lease, Logger, newLease } from '#libs/platform';
import {
  type Assignment,
  auditTargetOf,
  isOwed,
  type OwedAssignment,
  STATUS_ONCE_CONFIRMED,
} from '../assignment.js';
import { BudgetExhausted } from '#libs/request-budget';
import { AssignmentChanged } from '../errors.js';
import { AssignmentStore } from '../store/assignment-store.js';

/** Whose change is carried out. */
export interface RequestedChange {
  readonly version: number;
  readonly context: CallContext;
}

/**
 * The result of carrying out what is owed:
 *
 * - `done`: ACS has confirmed all of it.
 * - `held`: nothing is owed, or another holder of the lease calls.
 * - `failed`: ACS has not confirmed it. The recovery worker repeats it.
 * - `deferred`: the request budget had no permit for the call. The recovery worker repeats it.
 * - `refused`: ACS does not accept the assignment; stored is what ACS has instead.
 */
export type CallsOutcome = 'done' | 'held' | 'failed' | 'deferred' | 'refused';

/** How long one call to ACS may take, with its wait and its retry. */
export abstract class LeaseLength {
  abstract readonly leaseMs: number;
}

/** `superseded`: more is owed than what was carried out. */
type AttemptOutcome = Exclude<CallsOutcome, 'held'> | 'superseded';

const SWEEPER: CallContext = {
  actor: { kind: 'system', name: 'teams-phone-sweeper' },
  priority: 'bulk',
};

/**
 * Makes the calls to ACS that assignments owe, one at a time for each, under its lease. A change that is
 * requested during a call is carried out after it.
 */
@Injectable()
export class AssignmentCalls {
  constructor(
    private readonly store: AssignmentStore,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly lease: LeaseLength,
  ) {}

  /**
   * @param requested absent for the recovery worker, and for a change that somebody else has requested.
   *   Other versions are recorded as carried out by the service itself.
   * @throws DatabaseUnavailable, AuditUnavailable
   */
  async carryOut(id: string, requested?: RequestedChange): Promise<CallsOutcome> {
    const first = newLease(this.lease.leaseMs, this.clock);
    for (let outcome: CallsOutcome = 'held'; ; outcome = 'done') {
      const lease = { ...newLease(this.lease.leaseMs, this.clock), holder: first.holder };
      const held = await this.store.hold(id, lease);
      if (!held) return outcome;
      const { assignment: owed, isTakeover } = held;
      if (isTakeover) {
        const detail = 'the process that called ACS has ended; the call is repeated';
        await this.audit.record(this.#unknown(owed, SWEEPER, detail));
      }
      const context = owed.version === requested?.version ? requested.context : SWEEPER;
      const attempt = await this.#attempt(owed, lease, context);
      if (attempt !== 'superseded') return attempt;
    }
  }

  async #attempt(
    owed: OwedAssignment,
    lease: Lease,
    context: CallContext,
  ): Promise<AttemptOutcome> {
    const isPut = owed.status === 'pending';
    const call = gatewayCallOf(owed, context, lease);
    try {
      const { evidence } = isPut
        ? await this.gateway.putAssignment(call, owed)
        : await this.gateway.deleteAssignment(call, owed);
      return await this.#confirm(owed, lease, context, evidence);
    } catch (error) {
      if (isPut && error instanceof TeamsPhoneAssignmentRefused) {
        return this.#takeBack(owed, lease, context, error);
      }
      return this.#keepOwed(owed, lease, context, error);
    }
  }

  async #confirm(
    owed: OwedAssignment,
    lease: Lease,
    context: CallContext,
    evidence: UpstreamEvidence,
  ): Promise<AttemptOutcome> {
    const event: AuditEvent = {
      ...this.#event(owed, context, 'confirmed'),
      outcome: 'success',
      upstream: evidence,
    };
    const next = { ...owed, status: STATUS_ONCE_CONFIRMED[owed.status] };
    try {
      await this.audit.record(event, this.store.finish(owed, next, lease));
      return isOwed(next) ? 'superseded' : 'done';
    } catch (error) {
      if (!(error instanceof AssignmentChanged)) throw error;
      // What ACS has done is a fact all the same.
      await this.audit.record(event);
      return 'superseded';
    }
  }

  /** Stores what ACS has instead of an assignment that it does not accept. */
  async #takeBack(
    owed: OwedAssignment,
    lease: Lease,
    context: CallContext,
    refusal: TeamsPhoneAssignmentRefused,
  ): Promise<AttemptOutcome> {
    try {
      const call = gatewayCallOf(owed, context, lease);
      const { assignment } = await this.gateway.readAssignment(call, owed);
      const next: Assignment = {
        ...owed,
        ...assignment,
        status: assignment ? 'active' : 'deleted',
      };
      const { details, ...event } = this.#event(owed, context, 'refused');
      const { status, principalType, clientIds } = next;
      const refused: AuditEvent = {
        ...event,
        outcome: 'denied',
        reason: { code: refusal.code, detail: refusal.detail },
        details: { ...details, status, principalType, clientIds },
      };
      await this.audit.record(refused, this.store.finish(owed, next, lease));
      return 'refused';
    } catch (error) {
      if (error instanceof AssignmentChanged) return 'superseded';
      return this.#keepOwed(owed, lease, context, error);
    }
  }

  /** Leaves the assignment to the recovery worker. A lost answer is recorded. */
  async #keepOwed(
    owed: OwedAssignment,
    lease: Lease,
    context: CallContext,
    error: unknown,
  ): Promise<'failed' | 'deferred'> {
    const { id: assignmentId, status } = owed;
    if (error instanceof BudgetExhausted) {
      this.logger.debug({ assignmentId, status }, 'the budget defers an assignment');
      await this.store.release(assignmentId, lease);
      return 'deferred';
    }
    this.logger.warn({ assignmentId, status, error }, 'acs has not confirmed an assignment yet');
    if (!(error instanceof UpstreamOutcomeUnknown)) {
      await this.store.release(assignmentId, lease);
      return 'failed';
    }
    const detail = 'the response of ACS was lost; the call is repeated';
    try {
      await this.audit.record(
        this.#unknown(owed, context, detail),
        this.store.releaseUnknown(assignmentId, lease),
      );
    } catch (failure) {
      // Who took over the lease has recorded that the outcome is unknown.
      if (!(failure instanceof AssignmentChanged)) throw failure;
    }
    return 'failed';
  }

  #unknown(owed: OwedAssignment, context: CallContext, detail: string): AuditEvent {
    return {
      ...this.#event(owed, context, 'requested'),
      outcome: 'unknown',
      reason: { code: new UpstreamOutcomeUnknown().code, detail },
    };
  }

  #event(
    owed: OwedAssignment,
    context: CallContext,
    stage: 'requested' | 'confirmed' | 'refused',
  ): Omit<AuditEvent, 'outcome'> {
    return {
      ...auditActorOf(context),
      action: owed.status === 'pending' ? 'teams-phone.assign' : 'teams-phone.unassign',
      target: auditTargetOf(owed, this.resources),
      ...(owed.status === 'renewing' && { reason: { code: 'token-revocation' } }),
      details: { stage, assignment: owed.id, version: owed.version },
    };
  }
}

/** A call to ACS about an assignment, within the budget share of the caller. */
function gatewayCallOf(
  { resource, tenant, objectId }: Assignment,
  { actor, request, priority }: CallContext,
  lease: Lease,
): GatewayCall {
  const caller = isPrincipal(actor) ? actor : undefined;
  return {
    ...{ resource, tenant: caller?.tenant ?? tenant, subject: objectId, rightEndsAt: lease.endsAt },
    ...(caller?.clientApp !== undefined && { clientApp: caller.clientApp }),
    ...(request && { request }),
    ...(priority && { priority }),
  };
}
