import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { CommunicationResources, ResourceNotConfigured } from '#libs/communication-services';
import { Clock } from '#libs/platform';
import {
  type ApplicationIdentity,
  auditTargetOf,
  canonicalIdentity,
  isProvisioned,
  type Mapping,
  newMapping,
  type ProvisionedMapping,
} from '../model/mapping.js';
import {
  IdentityKindConflict,
  IdentityLinkConflict,
  MappingChanged,
  MappingPending,
} from '../errors.js';
import { IdentityMap } from '../store/identity-map.js';
import { IdentityMappingService } from '../identity-mapping.service.js';
import { type CallContext, auditActorOf } from './call-context.js';

/** An application identity, and what is known of its communication identity. */
export interface IdentityDescription extends ApplicationIdentity {
  readonly displayName?: string | undefined;
  /** An identity that exists at ACS already; left out: one is created. */
  readonly communicationUserId?: string | undefined;
}

/** How often a link is decided anew when somebody else was faster. */
const ATTEMPTS = 5;

/** Ties application identities to communication identities, existing or new. */
@Injectable()
export class IdentityLinking {
  constructor(
    private readonly map: IdentityMap,
    private readonly mappings: IdentityMappingService,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Gives the mapping of an application identity: the stored one as it is, or a new one, linked to
   * the given communication identity or to one that is created.
   *
   * Safe to repeat. Of callers that race, one creates.
   *
   * @throws ResourceNotConfigured when the communication identity is of a resource not configured
   * @throws IdentityLinkConflict when either is mapped to another one
   * @throws IdentityKindConflict when the identity is mapped under another kind
   */
  async createOrGet(
    described: IdentityDescription,
    who: CallContext,
  ): Promise<{ readonly mapping: Mapping; readonly isNew: boolean }> {
    const { kind, displayName, communicationUserId } = described;
    const identity = canonicalIdentity(described);
    if (communicationUserId !== undefined) {
      return this.#link(identity, communicationUserId.toLowerCase(), displayName, who);
    }
    const rule = this.resources.forTenant(identity.tenant).name;
    const known = await this.map.find(identity, rule);
    if (known && known.kind !== kind) throw new IdentityKindConflict();
    if (known && isProvisioned(known)) return { mapping: known, isNew: false };
    const { mapping, isNew } = await this.mappings.ensureActive({ identity, ...who });
    if (displayName === undefined || mapping.displayName !== undefined) return { mapping, isNew };
    return { mapping: await this.#rename(mapping, displayName, who), isNew };
  }

  async #link(
    identity: ApplicationIdentity,
    communicationUserId: string,
    displayName: string | undefined,
    who: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    const resource = this.resources.ofCommunicationUserId(communicationUserId)?.name;
    if (resource === undefined) throw new ResourceNotConfigured(communicationUserId);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const [holder] = await this.map.findByCommunicationUserIds([communicationUserId]);
      const own = (await this.map.findBySubjects([identity])).find(
        (mapping) => mapping.resource === resource,
      );
      if (own && own.kind !== identity.kind) throw new IdentityKindConflict();
      if (own && isProvisioned(own) && own.communicationUserId === communicationUserId) {
        return { mapping: own, isNew: false };
      }
      if (holder || (own && isProvisioned(own))) throw new IdentityLinkConflict();
      try {
        const mapping = await this.#store(
          own,
          { ...identity, resource, communicationUserId, displayName },
          who,
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
    given: IdentityDescription & { resource: string; communicationUserId: string },
    who: CallContext,
  ): Promise<ProvisionedMapping> {
    const { communicationUserId, displayName } = given;
    const now = this.clock.now();
    const fresh = newMapping({ ...given, displayName, status: 'active' }, now);
    const next: ProvisionedMapping = pending
      ? {
          ...pending,
          status: 'active',
          communicationUserId,
          displayName: displayName ?? pending.displayName,
          version: pending.version + 1,
          updatedAt: new Date(now),
        }
      : { ...fresh, communicationUserId };
    const event: AuditEvent = {
      ...auditActorOf(who),
      action: 'identity.link',
      outcome: 'success',
      target: auditTargetOf(next),
      ...(displayName !== undefined && { displayName }),
    };
    const change = pending ? this.map.replace(pending, next) : this.map.add([next]);
    await this.audit.record(event, change);
    return next;
  }

  /** @returns the mapping with its name, or as it was when somebody else has just changed it */
  async #rename(
    mapping: ProvisionedMapping,
    displayName: string,
    who: CallContext,
  ): Promise<Mapping> {
    const next: Mapping = {
      ...mapping,
      displayName,
      version: mapping.version + 1,
      updatedAt: new Date(this.clock.now()),
    };
    const event: AuditEvent = {
      ...auditActorOf(who),
      action: 'identity.update',
      outcome: 'success',
      target: auditTargetOf(mapping),
      displayName,
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
