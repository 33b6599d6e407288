import { Injectable } from '@nestjs/common';
import {
  AuditTrail,
  auditActorOf,
  type AuditEvent,
  type AuditTarget,
  recordingRefusal,
  type TransactionalWrite,
} from '#libs/audit';
import {
  type AssignmentHolder,
  CommunicationResources,
  isSameContent,
  TeamsPhoneAssignmentRefused,
  type TeamsPhoneAssignment,
} from '#libs/communication-services';
import { type CallContext, Clock, isCanonicalGuid } from '#libs/platform';
import {
  type Assignment,
  auditTargetOf,
  isOwed,
  isRevoking,
  newAssignment,
  nextVersion,
  takesAway,
} from './assignment.js';
import {
  AssigneeNotActive,
  AssignmentChanged,
  AssignmentNotFound,
  AssignmentPending,
} from './errors.js';
import { AssignmentCalls, type CallsOutcome } from './lifecycle/assignment-calls.js';
import { type AssignmentSearch, AssignmentStore } from './store/assignment-store.js';

/** How long a request waits for another one about the same principal, or for its own call. */
const WAIT_MS = 8_000;

/** An assignment that somebody has requested. */
export interface PutAssignment {
  readonly assignment: Assignment;
  readonly isNew: boolean;
  /** False when the assignment was so already. */
  readonly isChanged: boolean;
  /** Whether the request budget had no permit for the call to ACS: it is made later. */
  readonly isDeferred: boolean;
}

/** The last change of an assignment. */
interface CurrentChange {
  readonly assignment: Assignment;
  /** Whether this call has requested it: the entry of its confirmation names who did. */
  readonly isOurs: boolean;
}

export interface AssignmentPage {
  readonly items: readonly Assignment[];
  /** `after` of the next page; `undefined` on the last page. */
  readonly next: string | undefined;
}

/**
 * Who may use Teams Phone extensibility.
 *
 * ACS can't list assignments, so the list of this service is the only one. Each change is recorded before
 * ACS is called, and repeated until ACS has confirmed it, also after a crash. Safe to repeat.
 */
@Injectable()
export class TeamsPhoneAssignments {
  constructor(
    private readonly store: AssignmentStore,
    private readonly calls: AssignmentCalls,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Creates or replaces the assignment of a principal. Where it takes an application away, ACS deletes the
   * assignment and makes it again, which revokes the tokens that were exchanged under it. One that is so
   * already is recorded as read, unless the priority is `bulk`: an import has an entry of its own.
   *
   * @returns it: `active`, or `pending` or `renewing` while ACS has not confirmed
   * @throws AssigneeNotActive when the principal is suspended or being deleted
   * @throws TeamsPhoneAssignmentRefused when ACS does not accept it
   * @throws AssignmentPending when an earlier deletion is not confirmed in time: its tokens are revoked first
   * @throws AssignmentChanged when another caller has replaced or deleted it meanwhile
   */
  async put(wanted: TeamsPhoneAssignment, context: CallContext): Promise<PutAssignment> {
    const access = { action: 'teams-phone.assign', target: await this.#targetOf(wanted) } as const;
    const deadline = this.clock.monotonicNow() + WAIT_MS;
    const requested = await recordingRefusal(this.audit, access, context, async () =>
      this.#retryIfChanged(deadline, async () => this.#request(wanted, context, deadline)),
    );
    const change = { assignment: requested.assignment, isOurs: requested.isChanged };
    const { assignment, outcome } = await this.#settled(change, context, deadline);
    const isAsRequested = assignment.version === requested.assignment.version;
    if (!isAsRequested || assignment.status === 'deleted') throw new AssignmentChanged();
    return { ...requested, assignment, isDeferred: outcome === 'deferred' };
  }

  /**
   * Deletes the assignment of a principal, which revokes the tokens that were exchanged under it. One whose
   * deletion somebody has requested before is recorded as read.
   *
   * @returns it: `deleted`, or `deleting` while ACS has not confirmed
   * @throws AssignmentNotFound when the principal never had one
   */
  async delete(holder: AssignmentHolder, context: CallContext): Promise<Assignment> {
    const target = await this.#targetOf(holder);
    const access = { action: 'teams-phone.unassign', target } as const;
    const deadline = this.clock.monotonicNow() + WAIT_MS;
    return recordingRefusal(this.audit, access, context, async () => {
      const requested = await this.#requestDeletion(holder, context, deadline);
      if (!requested) throw new AssignmentNotFound();
      if (!requested.isOurs) await this.#recordRead(requested.assignment, context);
      return (await this.#settled(requested, context, deadline)).assignment;
    });
  }

  /**
   * Deletes the assignment of somebody who is suspended or erased, if there is one. It is durable when this
   * resolves, whatever is configured; ACS is called once, and again by the recovery worker.
   *
   * @returns `undefined` when the principal never had one
   */
  async deleteForPerson(
    { tenant, subject }: { readonly tenant: string; readonly subject: string },
    context: CallContext,
    reason: NonNullable<AuditEvent['reason']>,
  ): Promise<Assignment | undefined> {
    if (!isCanonicalGuid(tenant) || !isCanonicalGuid(subject)) return undefined;
    const holder = { tenant, objectId: subject };
    const deadline = this.clock.monotonicNow() + WAIT_MS;
    const requested = await this.#requestDeletion(holder, context, deadline, reason);
    if (!requested || !isOwed(requested.assignment)) return requested?.assignment;
    const { id, version } = requested.assignment;
    await this.calls.carryOut(id, requested.isOurs ? { version, context } : undefined);
    return this.store.get(id);
  }

  /** Whether ACS can be called about an assignment: its resource may be configured no longer. */
  isReachable({ resource }: Pick<Assignment, 'resource'>): boolean {
    return this.resources.has(resource);
  }

  /** The assignment of a principal, a deleted one as well; for what is recorded otherwise. */
  async find(holder: AssignmentHolder): Promise<Assignment | undefined> {
    return this.store.find(holder);
  }

  /**
   * The condition under which a token that ACS gave the principal may be released: to be recorded with it.
   * Rejects with `AssignmentChanged`.
   *
   * @param known what `find` gave before ACS was called
   */
  unchanged(holder: AssignmentHolder, known: Assignment | undefined): TransactionalWrite {
    return this.store.expectUnchanged(holder, known);
  }

  /** @throws AssignmentNotFound also for a deleted one. Recorded before it is shown. */
  async read(holder: AssignmentHolder, context: CallContext): Promise<Assignment> {
    const access = { action: 'teams-phone.read', target: await this.#targetOf(holder) } as const;
    const assignment = await recordingRefusal(this.audit, access, context, async () => {
      const found = await this.store.find(holder);
      if (!found || found.status === 'deleted') throw new AssignmentNotFound();
      return found;
    });
    await this.#recordRead(assignment, context);
    return assignment;
  }

  /** Lists assignments page by page, oldest first. Recorded with its filters before it is shown. */
  async search(search: AssignmentSearch, context: CallContext): Promise<AssignmentPage> {
    const { tenant, status, after, limit } = search;
    const found = await this.store.search({ ...search, limit: limit + 1 });
    const items = found.slice(0, limit);
    await this.audit.record({
      ...auditActorOf(context),
      action: 'teams-phone.read',
      outcome: 'success',
      ...(tenant && { target: { tenant } }),
      details: {
        route: 'list',
        ...(status && { status }),
        ...(after && { after }),
        ...{ limit, found: items.length },
      },
    });
    return { items, next: found.length > limit ? items.at(-1)?.id : undefined };
  }

  /** Records what the caller wants, unless it is so. */
  async #request(
    wanted: TeamsPhoneAssignment,
    context: CallContext,
    deadline: number,
  ): Promise<Omit<PutAssignment, 'isDeferred'>> {
    if (await this.store.isBarred(wanted)) throw new AssigneeNotActive();
    const found = await this.store.find(wanted);
    if (found && isRevoking(found)) {
      // Its tokens must be revoked before there are new ones.
      const change = { assignment: found, isOurs: false };
      const { assignment: settled } = await this.#settled(change, context, deadline);
      if (isRevoking(settled)) throw new AssignmentPending();
      throw new AssignmentChanged();
    }
    const known = found?.status === 'deleted' ? undefined : found;
    const { tenant, objectId, principalType, clientIds } = wanted;
    // ACS keeps the tokens of an application that is taken away, unless it deletes the assignment.
    const status = known && takesAway(known, wanted) ? 'renewing' : 'pending';
    const content = { tenant, objectId, principalType, clientIds, status } as const;
    if (known && isSameContent(known, wanted)) {
      if (context.priority !== 'bulk') await this.#recordRead(known, context);
      return { assignment: known, isNew: false, isChanged: false };
    }
    const now = this.clock.now();
    const resource = this.resources.forTenant(tenant).name;
    const next = known
      ? nextVersion(known, content, now)
      : newAssignment({ ...content, resource }, now);
    await this.#record(
      'teams-phone.assign',
      { ...next, details: { principalType, clientIds } },
      context,
      known ? this.store.replace(known, next) : this.store.add(next),
    );
    return { assignment: next, isNew: known === undefined, isChanged: true };
  }

  /** @returns the assignment that is to be deleted or is deleted; `undefined` without any */
  async #requestDeletion(
    holder: AssignmentHolder,
    context: CallContext,
    deadline: number,
    reason?: AuditEvent['reason'],
  ): Promise<CurrentChange | undefined> {
    return this.#retryIfChanged(deadline, async () => {
      const known = await this.store.find(holder);
      if (!known) return undefined;
      if (known.status === 'deleting' || known.status === 'deleted') {
        return { assignment: known, isOurs: false };
      }
      const next = nextVersion(known, { status: 'deleting' }, this.clock.now());
      const write = this.store.replace(known, next);
      await this.#record(
        'teams-phone.unassign',
        { ...next, ...(reason && { reason }) },
        context,
        write,
      );
      return { assignment: next, isOurs: true };
    });
  }

  async #recordRead(assignment: Assignment, context: CallContext): Promise<void> {
    await this.audit.record({
      ...auditActorOf(context),
      ...{ action: 'teams-phone.read', outcome: 'success' },
      target: auditTargetOf(assignment, this.resources),
    });
  }

  async #record(
    action: 'teams-phone.assign' | 'teams-phone.unassign',
    next: Assignment & Pick<AuditEvent, 'reason' | 'details'>,
    context: CallContext,
    write: TransactionalWrite,
  ): Promise<void> {
    const { reason, details, id, version } = next;
    const event: AuditEvent = {
      ...auditActorOf(context),
      ...{ action, outcome: 'success', target: auditTargetOf(next, this.resources) },
      ...(reason && { reason }),
      details: { stage: 'requested', assignment: id, version, ...details },
    };
    await this.audit.record(event, write);
  }

  /**
   * Carries out a change, or waits for who does. Ends early when ACS does not confirm, and when somebody
   * requests another change.
   *
   * @throws TeamsPhoneAssignmentRefused
   */
  async #settled(
    { assignment: { id, version }, isOurs }: CurrentChange,
    context: CallContext,
    deadline: number,
  ): Promise<{ readonly assignment: Assignment; readonly outcome: CallsOutcome }> {
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 400)) {
      const outcome = await this.calls.carryOut(id, isOurs ? { version, context } : undefined);
      if (outcome === 'refused') throw new TeamsPhoneAssignmentRefused();
      const stored = await this.store.get(id);
      if (!stored) throw new Error('a stored assignment is gone');
      const isRepeatedLater = outcome === 'failed' || outcome === 'deferred';
      const isOver = isRepeatedLater || !isOwed(stored) || stored.version > version;
      if (isOver || this.clock.monotonicNow() + pauseMs > deadline)
        return { assignment: stored, outcome };
      await this.clock.sleep(pauseMs, context.request?.signal);
    }
  }

  /** Repeats an attempt after a change by another caller, until the deadline. */
  async #retryIfChanged<T>(deadline: number, attempt: () => Promise<T>): Promise<T> {
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 400)) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof AssignmentChanged)) throw error;
      }
      if (this.clock.monotonicNow() + pauseMs > deadline) throw new AssignmentPending();
      await this.clock.sleep(pauseMs);
    }
  }

  /** As a caller names it, with the resource of the assignment, or of a new one. */
  async #targetOf({ tenant, objectId }: AssignmentHolder): Promise<AuditTarget> {
    const known = await this.store.find({ tenant, objectId });
    const isLive = known !== undefined && known.status !== 'deleted';
    const resource = isLive ? known.resource : this.resources.forTenant(tenant).name;
    return auditTargetOf({ tenant, objectId, resource }, this.resources);
  }
}
