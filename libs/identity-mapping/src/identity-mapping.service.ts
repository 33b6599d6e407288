import { Inject, Injectable } from '@nestjs/common';
import { type AuditReceipt, AuditTrail, type TransactionalWrite } from '#libs/audit';
import { CommunicationResources, type TokenRequest } from '#libs/communication-services';
import {
  type CallContext,
  type CanonicalName,
  Clock,
  type Principal,
  traced,
} from '#libs/platform';
import { PersonRenewal } from '#libs/teams-phone';
import {
  type ApplicationIdentity,
  type Mapping,
  isProvisioned,
  type ProvisionedMapping,
  type TenantSubject,
} from './model/mapping.js';
import {
  MappingChanged,
  MappingNotActive,
  MappingNotFound,
  MappingPending,
  RevocationPending,
  IdentityKindConflict,
} from './errors.js';
import { IdentityCreation, type UncommittedIdentity } from './lifecycle/identity-creation.js';
import { auditActorOf } from './lifecycle/call-context.js';
import { recordingRead, recordingRefusal } from './lifecycle/access-audit.js';
import { IdentityMap, newLease } from './store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from './settings.js';
import { TokenRevocation } from './lifecycle/token-revocation.js';

/** A call that needs the mapping of an application identity. */
export interface MappingRequest extends CallContext {
  readonly identity: ApplicationIdentity;
}

/** A mapping that may get tokens. */
export interface EnsuredMapping {
  readonly mapping: ProvisionedMapping;
  /** Present when this call has created the identity: the mapping is active once it is committed. */
  readonly creation?: UncommittedIdentity;
}

/** The result of a revocation. */
export interface Revocation {
  /** ACS needs up to 15 minutes from its confirmation on; 0 when there was nothing to revoke. */
  readonly effectiveWithinMinutes: number;
  /** Absent when there was nothing to revoke. */
  readonly auditEntry?: AuditReceipt;
}

/** A mass revocation gets new permits about this often: the window of ACS's limits. */
const MASS_REVOCATION_RETRY_SECONDS = 30;

/** ACS applies a revocation or a deletion within this time. */
export const EFFECTIVE_WITHIN_MINUTES = 15;

/**
 * Finds or creates the one communication identity of an application identity.
 *
 * ACS can't list identities, so the intent is stored before ACS is called, and an identity whose
 * response was lost is recorded as an unknown outcome.
 */
@Injectable()
export class IdentityMappingService {
  constructor(
    private readonly map: IdentityMap,
    private readonly creation: IdentityCreation,
    private readonly revocation: TokenRevocation,
    private readonly resources: CommunicationResources,
    private readonly clock: Clock,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
    private readonly audit: AuditTrail,
    private readonly renewal: PersonRenewal,
  ) {}

  /** As `find`, for the caller itself. Recorded before it is shown. */
  async showOwn(context: CallContext<Principal>): Promise<ProvisionedMapping> {
    const { tenant, subject, kind } = context.actor;
    const own = { tenant, subject, kind };
    return recordingRead(this.audit, own, context, async () => this.find(own));
  }

  /**
   * @throws MappingNotFound when the identity has no communication identity, or was deleted
   * @throws IdentityKindConflict when it is mapped under another kind
   */
  async find(identity: ApplicationIdentity): Promise<ProvisionedMapping> {
    const mapping = await this.map.find(identity);
    if (!mapping || !isProvisioned(mapping)) throw new MappingNotFound();
    return requireKind(mapping, identity);
  }

  /**
   * All mappings of an identity with a communication identity, the one of `find` first. Mostly one: those who
   * got several, in several ACS resources, before a person had one in all of them keep them.
   *
   * @throws as `find`
   */
  async findAll(
    identity: ApplicationIdentity,
  ): Promise<readonly [ProvisionedMapping, ...ProvisionedMapping[]]> {
    const [first, ...others] = (await this.map.findAll(identity)).filter(isProvisioned);
    if (!first) throw new MappingNotFound();
    return [requireKind(first, identity), ...others];
  }

  /**
   * @param tenant whose mappings the caller may see; `any` for operators
   * @throws MappingNotFound for another tenant's mapping as for a missing one, and for one without
   *   a communication identity
   */
  async get(id: string, tenant: CanonicalName | 'any'): Promise<ProvisionedMapping> {
    const mapping = await this.map.get(id);
    const isVisible = mapping && (tenant === 'any' || mapping.tenant === tenant);
    if (!isVisible || mapping.status === 'deleted' || !isProvisioned(mapping)) {
      throw new MappingNotFound();
    }
    return mapping;
  }

  /**
   * Finds the active mapping of an application identity; creates its communication identity on first
   * use.
   *
   * Safe to repeat. Callers that race, in any number of replicas, get the same one.
   *
   * @returns the mapping, and whether this call has created its identity
   * @throws as `findOrCreate` and `UncommittedIdentity.commit`
   */
  async ensureActive(
    request: MappingRequest,
  ): Promise<{ readonly mapping: ProvisionedMapping; readonly isNew: boolean }> {
    const { mapping, creation } = await this.findOrCreate(request);
    await creation?.commit();
    return { mapping, isNew: creation !== undefined };
  }

  /**
   * Finds the active mapping of an application identity, or creates its communication identity
   * without committing it. A mapping stays in the ACS resource that it was created in, or that a replica with
   * another configuration has claimed it in; a new one is created in the resource that the configuration names
   * for the tenant.
   *
   * Of callers that race, in any number of replicas, one creates; the others wait for its commit.
   *
   * @param token requests the first token with the identity; a mapping that exists comes without one
   * @throws MappingNotActive when a mapping of the identity, of any resource, is suspended or being deleted
   * @throws RevocationPending while ACS has not confirmed that its old tokens are revoked
   * @throws MappingPending when another caller has not committed within `waitMs`
   * @throws ResourceNotConfigured when the mapping's ACS resource is not configured
   * @throws UpstreamUnavailable when ACS did not respond
   * @throws AuditUnavailable when the log could not record a new identity in time
   */
  async findOrCreate(request: MappingRequest, token?: TokenRequest): Promise<EnsuredMapping> {
    return traced('find or create the identity', {}, async () =>
      this.#findOrCreate(request, token),
    );
  }

  async #findOrCreate(request: MappingRequest, token?: TokenRequest): Promise<EnsuredMapping> {
    const { identity } = request;
    const known = await this.map.find(identity);
    if (known) requireKind(known, identity);
    if (known && isProvisioned(known)) return { mapping: this.#requireUsable(known) };
    const resource = this.resources.find(known?.resource ?? this.#resourceFor(identity)).name;

    this.creation.requireCapacity();
    const signal = request.request?.signal;
    const deadline = this.clock.monotonicNow() + this.settings.waitMs;
    for (let pauseMs = 20; ; pauseMs = nextPause(pauseMs)) {
      signal?.throwIfAborted();
      const lease = newLease(this.settings.leaseMs, this.clock);
      const { outcome, mapping } = await this.map.claim(identity, resource, lease);
      requireKind(mapping, identity);
      if (isProvisioned(mapping)) return { mapping: this.#requireUsable(mapping) };
      const isOurs =
        outcome === 'acquired' ||
        (outcome === 'expired' && (await this.creation.takeOver(mapping, lease)));
      if (isOurs) {
        const creation = await this.creation.create(mapping, lease, request, token);
        return { mapping: creation.mapping, creation };
      }
      if (this.clock.monotonicNow() + pauseMs > deadline) throw new MappingPending();
      await this.clock.sleep(pauseMs * (0.5 + Math.random() / 2), signal);
    }
  }

  /**
   * Reads a mapping again, before a token is issued for it.
   *
   * @throws MappingNotActive, RevocationPending, ResourceNotConfigured as `findOrCreate`
   */
  async requireActive(mapping: ProvisionedMapping): Promise<ProvisionedMapping> {
    const stored = await this.#readBarringOrSame(mapping);
    if (!stored || stored.status === 'deleted') throw new MappingNotFound();
    return this.#requireUsable(stored);
  }

  /**
   * The condition under which a token that ACS has issued may be released: to be recorded with it. A
   * revocation ends the tokens that ACS issued before it; this condition refuses those issued after it.
   * Rejects with `MappingChanged`; `refusalOf` has the reason.
   */
  unchanged(mapping: ProvisionedMapping): TransactionalWrite {
    return this.map.expectUnchanged(mapping);
  }

  /**
   * As `unchanged`, for an identity that had no mapping: it may have one now, none of whose tokens were
   * revoked. Rejects with `MappingChanged`.
   */
  unrevoked(identity: ApplicationIdentity): TransactionalWrite {
    return this.map.expectUnrevoked(identity);
  }

  /**
   * Compares a mapping with the stored one.
   *
   * @throws MappingNotActive when a mapping of its identity has been suspended, or this one deleted, since
   * @throws RevocationPending when its tokens have been revoked since
   */
  async requireUnchanged(mapping: ProvisionedMapping): Promise<void> {
    const stored = await this.#readBarringOrSame(mapping);
    if (!stored) throw new MappingNotActive('deleted');
    this.#requireUsable(stored);
    if (stored.tokenGeneration !== mapping.tokenGeneration) throw new RevocationPending();
  }

  /** The error that says why a mapping is no longer `unchanged`. */
  async refusalOf(mapping: ProvisionedMapping): Promise<unknown> {
    return this.requireUnchanged(mapping).then(
      () => new RevocationPending(),
      (refusal: unknown) => refusal,
    );
  }

  /** Reads a mapping again; one of the same person that bars the person from tokens instead, if there is one. */
  async #readBarringOrSame(mapping: ProvisionedMapping): Promise<ProvisionedMapping | undefined> {
    const first = await this.map.find(mapping);
    const isBarring = first?.status === 'suspended' || first?.status === 'deleting';
    const read = isBarring || first?.id === mapping.id ? first : await this.map.get(mapping.id);
    return read && isProvisioned(read) ? read : undefined;
  }

  /**
   * Revokes every token of the caller, in all ACS resources, those of Teams Phone as well. None is issued
   * before ACS has confirmed; where it does not at once, the recovery worker repeats the call. An identity
   * that is being created is waited for: its first token may be on its way. Safe to repeat.
   *
   * @throws MappingPending when that was not committed within `waitMs`
   * @throws MappingNotFound when the caller has neither a communication identity nor an assignment
   * @throws MappingNotActive when it is being deleted, which revokes its tokens too
   */
  async revokeOwnTokens(context: CallContext<Principal>): Promise<Revocation> {
    const { tenant, subject, kind } = context.actor;
    const access = { action: 'token.revoke', target: { tenant, subject, kind } } as const;
    return recordingRefusal(this.audit, access, context, async () => {
      const revocation = await this.#revokeOwn('own-request', context);
      if (!revocation) throw new MappingNotFound();
      return revocation;
    });
  }

  /**
   * As `revokeOwnTokens`, but succeeds with neither a communication identity nor an assignment, and while the
   * identity is being deleted.
   */
  async signOut(context: CallContext<Principal>): Promise<Revocation> {
    const { tenant, subject, kind } = context.actor;
    const access = { action: 'token.revoke', target: { tenant, subject, kind } } as const;
    return recordingRefusal(this.audit, access, context, async () => {
      const isDeleting = (error: unknown): 'deleting' => {
        if (error instanceof MappingNotActive) return 'deleting';
        throw error;
      };
      const revocation = await this.#revokeOwn('sign-out', context).catch(isDeleting);
      if (revocation !== undefined && revocation !== 'deleting') return revocation;
      await this.audit.record({
        ...auditActorOf(context),
        ...access,
        outcome: 'success',
        reason: { code: 'sign-out' },
        details: { stage: revocation === 'deleting' ? 'being deleted' : 'nothing to revoke' },
      });
      return { effectiveWithinMinutes: revocation === 'deleting' ? EFFECTIVE_WITHIN_MINUTES : 0 };
    });
  }

  /**
   * Revokes every token of an identity, as `revokeOwnTokens` does.
   *
   * @throws MappingNotFound, MappingNotActive as `get` and `revokeOwnTokens`
   */
  async revokeTokens(
    { id, tenant }: { readonly id: string; readonly tenant: CanonicalName | 'any' },
    context: CallContext,
  ): Promise<Revocation> {
    const target = { identityId: id, ...(tenant !== 'any' && { tenant }) };
    return recordingRefusal(this.audit, { action: 'token.revoke', target }, context, async () =>
      this.#revoke(async () => [await this.#getCreated(id, tenant, context)], 'by-role', context),
    );
  }

  /** As `get`, after the creation of an identity that is under way. @throws MappingPending as `revokeOwnTokens` */
  async #getCreated(
    id: string,
    tenant: CanonicalName | 'any',
    context: CallContext,
  ): Promise<ProvisionedMapping> {
    const known = await this.map.get(id);
    if (known?.status === 'pending') await this.#untilCreated(known, context);
    return this.get(id, tenant);
  }

  /** Waits while the identity of a person is being created. */
  async #untilCreated(person: TenantSubject, { request }: CallContext): Promise<void> {
    const deadline = this.clock.monotonicNow() + this.settings.waitMs;
    for (let pauseMs = 20; await this.map.isBeingCreated(person); pauseMs = nextPause(pauseMs)) {
      if (this.clock.monotonicNow() + pauseMs > deadline) throw new MappingPending();
      await this.clock.sleep(pauseMs, request?.signal);
    }
  }

  /** @returns `undefined` when the caller has neither a communication identity nor an assignment */
  async #revokeOwn(
    code: 'own-request' | 'sign-out',
    context: CallContext<Principal>,
  ): Promise<Revocation | undefined> {
    try {
      await this.#untilCreated(context.actor, context);
      return await this.#revoke(async () => this.findAll(context.actor), code, context);
    } catch (error) {
      if (!(error instanceof MappingNotFound)) throw error;
    }
    if (!(await this.renewal.isNeeded(context.actor))) return undefined;
    const { tenant, subject, kind } = context.actor;
    const auditEntry = await this.audit.record(
      {
        ...auditActorOf(context),
        action: 'token.revoke',
        outcome: 'success',
        target: { tenant, subject, kind },
        reason: { code },
        details: { stage: 'requested' },
      },
      this.renewal.joinedTo(context.actor),
    );
    await this.renewal.carryOut(context.actor);
    return { effectiveWithinMinutes: EFFECTIVE_WITHIN_MINUTES, auditEntry };
  }

  /** @param read reads the mappings of a person, again after each change by another caller */
  async #revoke(
    read: () => Promise<readonly ProvisionedMapping[]>,
    code: 'own-request' | 'sign-out' | 'by-role',
    context: CallContext,
  ): Promise<Revocation> {
    for (;;) {
      const [mapping, ...others] = (await read()).filter(({ status }) => status !== 'deleting');
      if (!mapping) throw new MappingNotActive('deleting');
      try {
        const revoking = { mapping, others, action: 'token.revoke', reason: { code } } as const;
        const auditEntry = await this.revocation.begin(revoking, context);
        return { effectiveWithinMinutes: EFFECTIVE_WITHIN_MINUTES, auditEntry };
      } catch (error) {
        if (!(error instanceof MappingChanged)) throw error;
      }
    }
  }

  /** The resource for new mappings of the tenant. */
  #resourceFor({ tenant }: ApplicationIdentity): string {
    return this.resources.forTenant(tenant).name;
  }

  #requireUsable(mapping: ProvisionedMapping): ProvisionedMapping {
    if (mapping.status !== 'active') throw new MappingNotActive(mapping.status);
    if (mapping.isRevoking) throw new RevocationPending();
    if (mapping.awaitsRevocation) throw new RevocationPending(MASS_REVOCATION_RETRY_SECONDS);
    this.resources.find(mapping.resource);
    return mapping;
  }
}

/** Between two looks for what another caller creates, in milliseconds. */
function nextPause(pauseMs: number): number {
  return Math.min(pauseMs * 2, 400);
}

/** A subject of another kind is another identity, also where its name is the same. */
function requireKind<M extends Mapping>(mapping: M, { kind }: ApplicationIdentity): M {
  if (mapping.kind !== kind) throw new IdentityKindConflict();
  return mapping;
}
