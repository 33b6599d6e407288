import { Injectable } from '@nestjs/common';
import { AuditTrail, auditActorOf } from '#libs/audit';
import {
  CommunicationIdentityGateway,
  CommunicationResources,
  isSameContent,
  type TeamsPhoneAssignment,
} from '#libs/communication-services';
import { type CallContext, Clock, type Guid } from '#libs/platform';
import {
  type Assignment,
  auditTargetOf,
  isOwed,
  newAssignment,
  nextVersion,
  takesAway,
} from './assignment.js';
import { AssignmentChanged } from './errors.js';
import { AssignmentCalls } from './lifecycle/assignment-calls.js';
import { AssignmentStore } from './store/assignment-store.js';

const PAGE_SIZE = 100;

/**
 * How ACS differs from the list:
 *
 * - `missing`: ACS lacks an active assignment.
 * - `different`: ACS has it for another type of principal, or for other applications.
 * - `orphan`: ACS has one that is deleted here.
 * - `unconfirmed`: ACS has yet to confirm a change, so that nothing can be compared.
 * - `unreachable`: its ACS resource is no longer configured, so that nothing can be compared or repaired.
 */
export type DifferenceKind = 'missing' | 'different' | 'orphan' | 'unconfirmed' | 'unreachable';

export interface AssignmentDifference {
  readonly kind: DifferenceKind;
  readonly assignment: Assignment;
  readonly atAcs: TeamsPhoneAssignment | undefined;
  /** Whether ACS has confirmed that it agrees now. */
  readonly isRepaired: boolean;
}

export interface ReconciliationReport {
  readonly compared: number;
  readonly differences: readonly AssignmentDifference[];
}

/** Compares each assignment with ACS, which can be called about one at a time only. */
@Injectable()
export class AssignmentReconciliation {
  constructor(
    private readonly store: AssignmentStore,
    private readonly calls: AssignmentCalls,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Deleted assignments are compared as well. Safe while callers change assignments: one that changes
   * meanwhile is not reported.
   *
   * @param options.isRepairing whether ACS is made to agree with the list
   * @throws UpstreamUnavailable and its like when ACS can't be called
   */
  async reconcile(
    { tenant, isRepairing }: { readonly tenant?: Guid | undefined; readonly isRepairing: boolean },
    context: CallContext,
  ): Promise<ReconciliationReport> {
    const differences: AssignmentDifference[] = [];
    let compared = 0;
    for (const status of [undefined, 'deleted'] as const) {
      for (let after: string | undefined, isLast = false; !isLast;) {
        const page = await this.store.search({ tenant, status, after, limit: PAGE_SIZE });
        for (const assignment of page) {
          if (status === 'deleted' && (await this.store.find(assignment))?.id !== assignment.id) {
            continue; // an earlier one of a principal that has a later one
          }
          compared += 1;
          const found = await this.#compare(assignment, context);
          if (found) differences.push(isRepairing ? await this.#repair(found, context) : found);
        }
        after = page.at(-1)?.id;
        isLast = page.length < PAGE_SIZE;
      }
    }
    await this.audit.record({
      ...auditActorOf(context),
      action: 'teams-phone.read',
      outcome: 'success',
      ...(tenant && { target: { tenant } }),
      details: { route: 'reconcile', compared, differences: differences.length, isRepairing },
    });
    return { compared, differences };
  }

  async #compare(
    assignment: Assignment,
    { request, priority }: CallContext,
  ): Promise<AssignmentDifference | undefined> {
    if (!this.resources.has(assignment.resource)) {
      return { kind: 'unreachable', assignment, atAcs: undefined, isRepaired: false };
    }
    if (isOwed(assignment)) {
      return { kind: 'unconfirmed', assignment, atAcs: undefined, isRepaired: false };
    }
    const { resource, tenant, objectId } = assignment;
    const { assignment: atAcs } = await this.gateway.readAssignment(
      {
        resource,
        tenant,
        subject: objectId,
        ...(request && { request }),
        ...(priority && { priority }),
      },
      assignment,
    );
    const kind = kindOf(assignment, atAcs);
    if (kind === undefined) return undefined;
    const now = await this.store.find(assignment);
    const hasChanged = now?.id !== assignment.id || now.version !== assignment.version;
    return hasChanged ? undefined : { kind, assignment, atAcs, isRepaired: false };
  }

  /** Requests what the list says once more, so that it is recorded and repeated until ACS confirms. */
  async #repair(
    difference: AssignmentDifference,
    context: CallContext,
  ): Promise<AssignmentDifference> {
    const { kind, assignment } = difference;
    if (kind === 'unreachable') return difference;
    if (kind === 'unconfirmed') {
      const outcome = await this.calls.carryOut(assignment.id); // somebody else has requested it
      return { ...difference, isRepaired: outcome === 'done' };
    }
    const owed = await this.#requestAgain(difference, context);
    if (!owed) return difference;
    const outcome = await this.calls.carryOut(owed.id, { version: owed.version, context });
    return { ...difference, isRepaired: outcome === 'done' };
  }

  async #requestAgain(
    { kind, assignment, atAcs }: AssignmentDifference,
    context: CallContext,
  ): Promise<Assignment | undefined> {
    const now = this.clock.now();
    const isOrphan = kind === 'orphan';
    const isNarrower = atAcs !== undefined && takesAway(atAcs, assignment);
    const owed = isOrphan
      ? newAssignment({ ...contentOf(assignment), status: 'deleting' }, now)
      : nextVersion(assignment, { status: isNarrower ? 'renewing' : 'pending' }, now);
    try {
      await this.audit.record(
        {
          ...auditActorOf(context),
          action: isOrphan ? 'teams-phone.unassign' : 'teams-phone.assign',
          outcome: 'success',
          target: auditTargetOf(owed, this.resources),
          reason: { code: 'reconciled', detail: `at ACS, the assignment was ${kind}` },
          details: { stage: 'requested', assignment: owed.id, version: owed.version },
        },
        isOrphan ? this.store.add(owed) : this.store.replace(assignment, owed),
      );
      return owed;
    } catch (error) {
      if (error instanceof AssignmentChanged) return undefined; // somebody was faster
      throw error;
    }
  }
}

function contentOf({ resource, tenant, objectId, principalType, clientIds }: Assignment) {
  return { resource, tenant, objectId, principalType, clientIds };
}

function kindOf(
  assignment: Assignment,
  atAcs: TeamsPhoneAssignment | undefined,
): DifferenceKind | undefined {
  if (assignment.status === 'deleted') return atAcs && 'orphan';
  if (!atAcs) return 'missing';
  return isSameContent(assignment, atAcs) ? undefined : 'different';
}
