import { Inject, Injectable } from '@nestjs/common';
import { type AuditAction, type AuditEvent, AuditTrail, recordingRefusal } from '#libs/audit';
import { CommunicationResources, ResourceNotConfigured } from '#libs/communication-services';
import {
  type CallContext,
  type CanonicalName,
  Clock,
  type CommunicationUserId,
  isPrincipal,
  parseCommunicationUserId,
  type ServiceError,
} from '#libs/platform';
import {
  type ApplicationIdentity,
  auditTargetOf,
  isProvisioned,
  type Mapping,
  newMapping,
  type ProvisionedMapping,
  type TenantSubject,
} from '../model/mapping.js';
import {
  IdentityKindConflict,
  IdentityLinkConflict,
  IdentityLinkNotAllowed,
  MappingChanged,
  MappingPending,
} from '../errors.js';
import { changesOf } from './access-audit.js';
import { IdentityMap } from '../store/identity-map.js';
import { IdentityMappingService } from '../identity-mapping.service.js';
import { identityMappingSettings, type IdentityMappingSettings } from '../settings.js';
import { auditActorOf } from './call-context.js';

/** An application identity, with its name and an existing communication identity if there are any. */
export interface IdentityDescription extends ApplicationIdentity {
  readonly displayName?: string | undefined;
  /** An identity that exists at ACS; absent: one is created. */
  readonly communicationUserId?: CommunicationUserId | undefined;
}

/** A link is attempted again when another caller has changed one of its mappings. */
const MAX_ATTEMPTS = 5;

/** Maps application identities to communication identities, existing or new. */
@Injectable()
export class IdentityLinking {
  constructor(
    private readonly map: IdentityMap,
    private readonly mappings: IdentityMappingService,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /**
   * Finds the mapping of an application identity, or creates it: with the given communication
   * identity, or with one that is created at ACS. A stored mapping stays unchanged.
   *
   * Safe to repeat. Of callers that race, one creates. A refusal is recorded.
   *
   * @throws IdentityLinkNotAllowed, ResourceNotConfigured as `requireMayLink`
   * @throws IdentityLinkConflict when one of the two is mapped to another identity, in any ACS resource
   * @throws IdentityKindConflict when the identity is mapped under another kind
   */
  async createOrGet(
    description: IdentityDescription,
    context: CallContext,
  ): Promise<{ readonly mapping: Mapping; readonly isNew: boolean }> {
    return this.recordingRefusal(description, context, async () =>
      this.#createOrGet(description, context),
    );
  }

  async #createOrGet(
    { tenant, subject, kind, displayName, communicationUserId }: IdentityDescription,
    context: CallContext,
  ): Promise<{ readonly mapping: Mapping; readonly isNew: boolean }> {
    const identity = { tenant, subject, kind };
    if (communicationUserId !== undefined) {
      return this.#link(identity, communicationUserId, displayName, context);
    }
    const known = await this.map.find(identity);
    if (known && known.kind !== kind) throw new IdentityKindConflict();
    if (known && isProvisioned(known)) return { mapping: known, isNew: false };
    const { mapping, isNew } = await this.mappings.ensureActive({ identity, ...context });
    if (displayName === undefined || mapping.displayName !== undefined) return { mapping, isNew };
    return { mapping: await this.#rename(mapping, displayName, context), isNew };
  }

  /** Runs what stores an application identity and records its refusal, so that probing leaves entries. */
  async recordingRefusal<T>(
    { tenant, subject, kind, communicationUserId }: IdentityDescription,
    context: CallContext,
    operation: () => Promise<T>,
  ): Promise<T> {
    const action = (refusal: ServiceError): AuditAction => {
      if (refusal instanceof IdentityLinkNotAllowed) return 'authorization.deny';
      return communicationUserId === undefined ? 'identity.create' : 'identity.link';
    };
    const target = {
      ...{ tenant, subject, kind },
      ...(communicationUserId !== undefined && { communicationUserId }),
    };
    return recordingRefusal(this.audit, { action, target }, context, operation);
  }

  /**
   * An actor that links an identity gets tokens for it and can delete it at ACS. Operators may link any
   * identity; principals only if the setting names their tenant, and only one of the resource in
   * which identities of the tenant are created; one whose id names its user only to that subject.
   *
   * @returns the name of the identity's ACS resource
   * @throws IdentityLinkNotAllowed
   * @throws ResourceNotConfigured when the resource is not configured, or not for the tenant
   */
  requireMayLink(
    { tenant, subject }: TenantSubject,
    communicationUserId: CommunicationUserId,
    context: CallContext,
  ): string {
    const resource = this.resources.ofCommunicationUserId(communicationUserId)?.name;
    if (!isPrincipal(context.actor)) {
      if (resource === undefined) throw new ResourceNotConfigured(communicationUserId);
      return resource;
    }
    if (!this.#isTrusted({ tenant, subject }, communicationUserId, context)) {
      throw new IdentityLinkNotAllowed();
    }
    const isOwn = resource === this.resources.forTenant(tenant).name;
    if (resource === undefined || !isOwn) throw new ResourceNotConfigured(communicationUserId);
    return resource;
  }

  /** Whether the actor may link identities of its resource; see `requireMayLink`. */
  mayLink(
    holder: TenantSubject,
    communicationUserId: CommunicationUserId,
    context: CallContext,
  ): boolean {
    if (!isPrincipal(context.actor)) return true;
    const resource = this.resources.ofCommunicationUserId(communicationUserId);
    const isTrusted = this.#isTrusted(holder, communicationUserId, context);
    return isTrusted && resource === this.resources.forTenant(holder.tenant);
  }

  /** The refusal of a link to an identity that is mapped. Principals don't learn of other tenants' mappings. */
  conflictWith(
    linked: Mapping,
    tenant: CanonicalName,
    { actor }: CallContext,
  ): IdentityLinkConflict | IdentityLinkNotAllowed {
    return isPrincipal(actor) && linked.tenant !== tenant
      ? new IdentityLinkNotAllowed()
      : new IdentityLinkConflict();
  }

  /** An id that names a tenant is of one of its users: no other tenant links it, and to nobody else. */
  #isTrusted(
    { tenant, subject }: TenantSubject,
    communicationUserId: CommunicationUserId,
    { actor }: CallContext,
  ): boolean {
    if (!isPrincipal(actor) || actor.tenant !== tenant) return false;
    const parsed = parseCommunicationUserId(communicationUserId);
    const isOwn = !parsed?.tenant || (parsed.tenant === tenant && parsed.user === subject);
    return isOwn && this.settings.linkTenants.includes(tenant);
  }

  async #link(
    identity: ApplicationIdentity,
    communicationUserId: CommunicationUserId,
    displayName: string | undefined,
    context: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const [linked] = await this.map.findByCommunicationUserIds([communicationUserId]);
      const known = await this.map.findBySubjects([identity]);
      const same = known.find((mapping) => mapping.communicationUserId === communicationUserId);
      if (same && same.kind !== identity.kind) throw new IdentityKindConflict();
      if (same && isProvisioned(same)) return { mapping: same, isNew: false };
      const resource = this.requireMayLink(identity, communicationUserId, context);
      if (known.some(({ kind }) => kind !== identity.kind)) throw new IdentityKindConflict();
      if (linked) throw this.conflictWith(linked, identity.tenant, context);
      const own = known.find((mapping) => mapping.resource === resource);
      // In another resource as well: a person has one identity, and moves by an erasure.
      if (known.some(isProvisioned) || (known.length > 0 && !own)) throw new IdentityLinkConflict();
      if (await this.map.isOrphan(communicationUserId)) throw new IdentityLinkConflict();
      try {
        const mapping = await this.#store(
          own,
          { ...identity, resource, communicationUserId, displayName },
          context,
        );
        return { mapping, isNew: true };
      } catch (error) {
        if (!(error instanceof MappingChanged)) throw error;
      }
    }
    throw new MappingPending();
  }

  async #store(
    pending: Mapping | undefined,
    link: IdentityDescription & { resource: string; communicationUserId: CommunicationUserId },
    context: CallContext,
  ): Promise<ProvisionedMapping> {
    const { communicationUserId, displayName } = link;
    const now = this.clock.now();
    const next: ProvisionedMapping = pending
      ? {
          ...pending,
          status: 'active',
          communicationUserId,
          displayName: displayName ?? pending.displayName,
          version: pending.version + 1,
          updatedAt: new Date(now),
        }
      : { ...newMapping({ ...link, status: 'active' }, now), communicationUserId };
    const event: AuditEvent = {
      ...auditActorOf(context),
      action: 'identity.link',
      outcome: 'success',
      target: auditTargetOf(next),
      ...(displayName !== undefined && { displayName }),
    };
    const change = pending ? this.map.replace(pending, next) : this.map.add([next]);
    await this.audit.record(event, change);
    return next;
  }

  /** @returns the mapping with its name, or unchanged when another caller has changed it */
  async #rename(
    mapping: ProvisionedMapping,
    displayName: string,
    context: CallContext,
  ): Promise<Mapping> {
    const next: Mapping = {
      ...mapping,
      displayName,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    const event: AuditEvent = {
      ...auditActorOf(context),
      action: 'identity.update',
      outcome: 'success',
      target: auditTargetOf(mapping),
      displayName,
      details: changesOf(mapping, next),
    };
    try {
      await this.audit.record(event, this.map.replace(mapping, next));
      return next;
    } catch (error) {
      if (error instanceof MappingChanged) return mapping;
      throw error;
    }
  }
}
