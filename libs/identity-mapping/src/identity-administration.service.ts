import { Inject, Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail, AuditUnavailable, type AuditAction } from '#libs/audit';
import { ResourceNotConfigured } from '#libs/communication-services';
import { TeamsPhoneAssignments } from '#libs/teams-phone';
import {
  type CallContext,
  type CanonicalName,
  Clock,
  type CommunicationUserId,
  isGuid,
  type Principal,
  ServiceError,
  StorageUnavailable,
} from '#libs/platform';
import { auditTargetOf, isProvisioned, type Mapping, type TenantSubject } from './model/mapping.js';
import {
  MappingChanged,
  MappingNotActive,
  MappingNotFound,
  MappingPending,
  MappingStateConflict,
  MappingVersionMismatch,
  PersonNotMapped,
  TenantNotAllowed,
} from './errors.js';
import { IdentityDeletion } from './lifecycle/identity-deletion.js';
import { IdentityMap, type MappingSearch } from './store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from './settings.js';
import { EFFECTIVE_WITHIN_MINUTES, IdentityMappingService } from './identity-mapping.service.js';
import { TokenRevocation } from './lifecycle/token-revocation.js';
import {
  changesOf,
  recordingRead,
  recordingRefusal,
  recordRead,
} from './lifecycle/access-audit.js';
import { auditActorOf } from './lifecycle/call-context.js';

/** Identifies a mapping for a caller. */
export interface MappingReference {
  readonly id: string;
  /** Whose mappings the caller may see; `any` for operators. */
  readonly tenant: CanonicalName | 'any';
  /** The version that the caller has read; absent: any. */
  readonly version?: number | undefined;
}

export interface MappingUpdate {
  readonly status?: 'active' | 'suspended' | undefined;
  /** `null` removes it. */
  readonly displayName?: string | null | undefined;
}

export interface MappingPage {
  readonly items: readonly Mapping[];
  /** `after` of the next page; `undefined` on the last page. */
  readonly next: string | undefined;
}

/** The state of a person's mappings during an erasure. */
export interface ErasureReport {
  /** Whether ACS has confirmed every deletion. */
  readonly isComplete: boolean;
  readonly effectiveWithinMinutes: number;
  readonly mappings: readonly { readonly mapping: Mapping; readonly problem: string | undefined }[];
  /** Code of what prevents the deletion of the Teams Phone assignment. */
  readonly assignmentProblem: string | undefined;
}

/** The operations of administrators on mappings. Each change is recorded in its own transaction. */
@Injectable()
export class IdentityAdministrationService {
  constructor(
    private readonly map: IdentityMap,
    private readonly mappings: IdentityMappingService,
    private readonly revocation: TokenRevocation,
    private readonly deletion: IdentityDeletion,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
    private readonly teamsPhone: TeamsPhoneAssignments,
  ) {}

  /**
   * Refuses a tenant other than the caller's, and records the attempt.
   *
   * @param tenant that the request names; `undefined`: the caller's
   * @returns the caller's tenant
   * @throws TenantNotAllowed
   */
  async requireOwnTenant(
    tenant: CanonicalName | undefined,
    context: CallContext<Principal>,
  ): Promise<CanonicalName> {
    const own = context.actor.tenant;
    if (tenant === undefined || tenant === own) return own;
    const refusal = new TenantNotAllowed();
    await this.audit.record({
      ...auditActorOf(context),
      action: 'authorization.deny',
      outcome: 'denied',
      target: { tenant },
      reason: { code: refusal.code },
    });
    throw refusal;
  }

  /**
   * Reads a mapping, also a deleted one.
   *
   * @throws MappingNotFound for another tenant's mapping as for a missing one
   * @throws MappingVersionMismatch
   */
  async read({ id, tenant, version }: MappingReference): Promise<Mapping> {
    const mapping = await this.map.get(id);
    if (!mapping || (tenant !== 'any' && mapping.tenant !== tenant)) throw new MappingNotFound();
    if (version !== undefined && version !== mapping.version) throw new MappingVersionMismatch();
    return mapping;
  }

  /** As `read`, for somebody who sees the mapping. Recorded before it is shown. */
  async show(
    { id, tenant }: { readonly id: string; readonly tenant: CanonicalName },
    context: CallContext,
  ): Promise<Mapping> {
    const target = { identityId: id, tenant };
    return recordingRead(this.audit, target, context, async () => this.read({ id, tenant }));
  }

  /** Lists mappings page by page, oldest first. Recorded with its filters before it is shown. */
  async search(search: MappingSearch, context: CallContext): Promise<MappingPage> {
    const { tenant, kind, subject, communicationUserId, displayName, status, after, limit } =
      search;
    const found = await this.map.search({ ...search, limit: limit + 1 });
    const items = found.slice(0, limit);
    // A text that is nobody's subject may be a name.
    const isSubject = subject !== undefined && (items.length > 0 || isGuid(subject));
    await this.audit.record({
      ...auditActorOf(context),
      action: 'identity.read',
      outcome: 'success',
      target: withoutUndefined({
        ...{ tenant, kind, communicationUserId },
        subject: isSubject ? subject : undefined,
      }),
      details: withoutUndefined({
        route: 'list',
        // A name is personal data.
        displayName: displayName && 'given',
        subject: subject !== undefined && !isSubject ? 'given' : undefined,
        ...{ status, after, limit, found: items.length },
      }),
    });
    return { items, next: found.length > limit ? items.at(-1)?.id : undefined };
  }

  /**
   * Finds the mappings of communication identities, also deleted ones. Recorded, because the result
   * identifies people.
   *
   * @returns for each id its mapping or `undefined`, in the order of `ids`
   */
  async lookUp(
    ids: readonly CommunicationUserId[],
    tenant: CanonicalName | 'any',
    context: CallContext,
  ): Promise<readonly (Mapping | undefined)[]> {
    const found = await this.map.findByCommunicationUserIds([...new Set(ids)]);
    const visible = new Map(
      found
        .filter((mapping) => tenant === 'any' || mapping.tenant === tenant)
        .map((mapping) => [mapping.communicationUserId, mapping]),
    );
    await this.audit.record({
      ...auditActorOf(context),
      action: 'identity.read',
      outcome: 'success',
      details: { asked: ids.length, found: visible.size },
    });
    return ids.map((id) => visible.get(id));
  }

  /**
   * Suspends, resumes or renames an identity. Suspending revokes all tokens of its person, and deletes the
   * Teams Phone assignment.
   *
   * Safe to repeat: an update without a change creates no new version.
   *
   * @throws MappingNotFound, MappingVersionMismatch
   * @throws MappingStateConflict when its identity is not created yet, or is being deleted
   */
  async update(
    reference: MappingReference,
    update: MappingUpdate,
    context: CallContext,
  ): Promise<Mapping> {
    return this.#change(actionOf(update), reference, context, async (mapping) => {
      if (mapping.status === 'deleted') throw new MappingNotFound();
      if (mapping.status === 'deleting') throw new MappingStateConflict(mapping.status);
      return this.#update(mapping, update, context);
    });
  }

  /**
   * Deletes an identity at ACS, then its mapping. Safe to repeat.
   *
   * @returns the mapping: `deleted`, or `deleting` while ACS has not confirmed
   * @throws MappingNotFound, MappingVersionMismatch
   * @throws MappingPending when its identity is being created
   * @throws ResourceNotConfigured when its ACS resource is not configured
   */
  async delete(reference: MappingReference, context: CallContext): Promise<Mapping> {
    return this.#change('identity.delete', reference, context, async (mapping) => {
      if (mapping.status === 'deleted' || mapping.status === 'deleting') return false;
      await this.deletion.begin(mapping, context);
      return true;
    });
  }

  /**
   * Deletes the caller's own identity, in all ACS resources, as `delete` does. The next token creates a new
   * one, so that a suspended identity stays.
   *
   * @throws MappingNotFound when the caller has no communication identity
   * @throws MappingNotActive when it is suspended
   * @throws MappingPending, ResourceNotConfigured as `delete`
   */
  async deleteOwn(context: CallContext<Principal>): Promise<Mapping> {
    const { tenant, subject, kind } = context.actor;
    const own = { tenant, subject, kind };
    const access = { action: 'identity.delete', target: own } as const;
    const found = await recordingRefusal(this.audit, access, context, async () =>
      this.#retryIfChanged(async () => {
        const all = await this.mappings.findAll(own);
        const left = all.filter(({ status }) => status !== 'deleting');
        if (left.some(({ status }) => status === 'suspended')) {
          throw new MappingNotActive('suspended');
        }
        for (const mapping of left) await this.deletion.begin(mapping, context);
        return { ids: all.map(({ id }) => id), isChanged: left.length > 0 };
      }),
    );
    return this.#shownAfter({ ids: found.ids, tenant }, found.isChanged, context);
  }

  /**
   * Deletes every mapping of a subject, in all ACS resources, and its Teams Phone assignment. Safe to
   * repeat: the report then shows the progress, and includes the mappings that were deleted before.
   *
   * @throws PersonNotMapped recorded as well
   */
  async erase({ tenant, subject }: TenantSubject, context: CallContext): Promise<ErasureReport> {
    const key = [tenant, subject] as const;
    const access = { action: 'identity.delete', target: { tenant, subject } } as const;
    let assignment = await this.#eraseAssignment({ tenant, subject }, context);
    const known = await recordingRefusal(this.audit, access, context, async () => {
      const found = await this.map.listSubject(...key);
      if (found.length === 0 && !assignment) throw new PersonNotMapped();
      return found;
    });
    const problems = new Map<string, string>();
    for (const { id, status } of known) {
      if (status === 'deleted') continue;
      await this.delete({ id, tenant: 'any' }, context).catch((error: unknown) => {
        if (!(error instanceof ServiceError) || error instanceof AuditUnavailable) throw error;
        problems.set(id, error.code);
      });
    }
    // One that was requested before the deletions barred it.
    if (assignment?.status !== 'deleting') {
      assignment = await this.#eraseAssignment({ tenant, subject }, context);
    }
    const mappings = await this.map.listSubject(...key);
    if (known.every(({ status }) => status === 'deleted')) {
      await this.audit.record({
        ...auditActorOf(context),
        action: 'identity.read',
        outcome: 'success',
        target: { tenant, subject },
        details: { route: 'erase', found: mappings.length },
      });
    }
    return {
      isComplete: [...mappings, ...(assignment ? [assignment] : [])].every(
        ({ status }) => status === 'deleted',
      ),
      effectiveWithinMinutes: EFFECTIVE_WITHIN_MINUTES,
      mappings: mappings.map((mapping) => ({ mapping, problem: problems.get(mapping.id) })),
      assignmentProblem: assignment?.problem,
    };
  }

  /** @returns `undefined` when the person never had an assignment */
  async #eraseAssignment(
    person: TenantSubject,
    context: CallContext,
  ): Promise<{ readonly status: string; readonly problem?: string } | undefined> {
    try {
      const reason = { code: 'person-erased' };
      const assignment = await this.teamsPhone.deleteForPerson(person, context, reason);
      if (assignment?.status !== 'deleting') return assignment;
      if (this.teamsPhone.isReachable(assignment)) return { status: assignment.status };
      const problem = new ResourceNotConfigured(assignment.resource).code;
      return { status: assignment.status, problem };
    } catch (error) {
      if (!(error instanceof ServiceError) || error instanceof StorageUnavailable) throw error;
      return { status: 'unknown', problem: error.code };
    }
  }

  /** @returns whether there was something to change */
  async #update(mapping: Mapping, update: MappingUpdate, context: CallContext): Promise<boolean> {
    const displayName =
      update.displayName === undefined ? mapping.displayName : (update.displayName ?? undefined);
    const status = update.status ?? mapping.status;
    const isSame = status === mapping.status && displayName === mapping.displayName;
    if (isSame) return false;
    if (status === 'suspended' && mapping.status !== 'suspended') {
      if (!isProvisioned(mapping)) throw new MappingStateConflict(mapping.status);
      const others = (await this.map.findAll(mapping))
        .filter(isProvisioned)
        .filter(({ id, status: state }) => id !== mapping.id && state === 'active');
      const suspension = { mapping, others, action: 'identity.suspend', displayName } as const;
      await this.revocation.begin(suspension, context);
      return true;
    }
    if (mapping.status === 'pending' && status !== 'pending') {
      throw new MappingStateConflict(mapping.status);
    }
    const event: AuditEvent = {
      ...auditActorOf(context),
      action: status === mapping.status ? 'identity.update' : 'identity.resume',
      outcome: 'success',
      target: auditTargetOf(mapping),
      ...(displayName !== undefined && { displayName }),
      details: changesOf(mapping, { status, displayName }),
    };
    const version = mapping.version + 1;
    const updatedAt = new Date(this.clock.now());
    const next: Mapping = { ...mapping, status, displayName, version, updatedAt };
    await this.audit.record(event, this.map.replace(mapping, next));
    return true;
  }

  /**
   * Runs a change, again after a change by another caller, and records its refusal.
   *
   * @param change records what it changes. Returns whether there was something to change
   */
  async #change(
    action: AuditAction,
    reference: MappingReference,
    context: CallContext,
    change: (mapping: Mapping) => Promise<boolean>,
  ): Promise<Mapping> {
    const { id, tenant } = reference;
    const target = { identityId: id, ...(tenant !== 'any' && { tenant }) };
    const isChanged = await recordingRefusal(this.audit, { action, target }, context, async () =>
      this.#retryIfChanged(async () => change(await this.read(reference))),
    );
    return this.#shownAfter({ ids: [id], tenant }, isChanged, context);
  }

  /**
   * Reads mappings after a change. Where there was nothing to change, only this is recorded.
   *
   * @returns the first, or one that ACS has yet to delete
   */
  async #shownAfter(
    { ids, tenant }: { readonly ids: readonly string[]; readonly tenant: CanonicalName | 'any' },
    isChanged: boolean,
    context: CallContext,
  ): Promise<Mapping> {
    const mappings = await Promise.all(ids.map(async (id) => this.read({ id, tenant })));
    const mapping = mappings.find(({ status }) => status === 'deleting') ?? mappings[0];
    if (!mapping) throw new MappingNotFound();
    if (!isChanged) await recordRead(this.audit, mapping, context);
    return mapping;
  }

  /** Repeats an attempt after a change by another caller, for up to `waitMs`. */
  async #retryIfChanged<T>(attempt: () => Promise<T>): Promise<T> {
    const deadline = this.clock.monotonicNow() + this.settings.waitMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 400)) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof MappingChanged)) throw error;
      }
      if (this.clock.monotonicNow() + pauseMs > deadline) throw new MappingPending();
      await this.clock.sleep(pauseMs);
    }
  }
}

function actionOf({ status }: MappingUpdate): AuditAction {
  if (status === undefined) return 'identity.update';
  return status === 'suspended' ? 'identity.suspend' : 'identity.resume';
}

type WithoutUndefined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): WithoutUndefined<T> {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // The members that are left have the types of T.
  return Object.fromEntries(members) as WithoutUndefined<T>;
}
