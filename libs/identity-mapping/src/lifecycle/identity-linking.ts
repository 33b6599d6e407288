import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { CommunicationResources, ResourceNotConfigured } from '#libs/communication-services';
import { type CallContext, Clock } from '#libs/platform';
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
import { changesOf } from './access-audit.js';
import { IdentityMap } from '../store/identity-map.js';
import { IdentityMappingService } from '../identity-mapping.service.js';
import { auditActorOf } from './call-context.js';

/** An application identity, with its name and an existing communication identity if there are any. */
export interface IdentityDescription extends ApplicationIdentity {
  readonly displayName?: string | undefined;
  /** An identity that exists at ACS; absent: one is created. */
  readonly communicationUserId?: string | undefined;
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
  ) {}

  /**
   * Finds the mapping of an application identity, or creates it: with the given communication
   * identity, or with one that is created at ACS. A stored mapping stays unchanged.
   *
   * Safe to repeat. Of callers that race, one creates.
   *
   * @throws ResourceNotConfigured when the communication identity's ACS resource is not configured
   * @throws IdentityLinkConflict when one of the two is mapped to another identity
   * @throws IdentityKindConflict when the identity is mapped under another kind
   */
  async createOrGet(
    description: IdentityDescription,
    context: CallContext,
  ): Promise<{ readonly mapping: Mapping; readonly isNew: boolean }> {
    const { kind, displayName, communicationUserId } = description;
    const identity = canonicalIdentity(description);
    if (communicationUserId !== undefined) {
      return this.#link(identity, communicationUserId.toLowerCase(), displayName, context);
    }
    const known = await this.map.find(identity, this.resources.forTenant(identity.tenant).name);
    if (known && known.kind !== kind) throw new IdentityKindConflict();
    if (known && isProvisioned(known)) return { mapping: known, isNew: false };
    const { mapping, isNew } = await this.mappings.ensureActive({ identity, ...context });
    if (displayName === undefined || mapping.displayName !== undefined) return { mapping, isNew };
    return { mapping: await this.#rename(mapping, displayName, context), isNew };
  }

  async #link(
    identity: ApplicationIdentity,
    communicationUserId: string,
    displayName: string | undefined,
    context: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    const resource = this.resources.ofCommunicationUserId(communicationUserId)?.name;
    if (resource === undefined) throw new ResourceNotConfigured(communicationUserId);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const [linked] = await this.map.findByCommunicationUserIds([communicationUserId]);
      const own = (await this.map.findBySubjects([identity])).find(
        (mapping) => mapping.resource === resource,
      );
      if (own && own.kind !== identity.kind) throw new IdentityKindConflict();
      if (own && isProvisioned(own) && own.communicationUserId === communicationUserId) {
        return { mapping: own, isNew: false };
      }
      if (linked || (own && isProvisioned(own))) throw new IdentityLinkConflict();
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
    link: IdentityDescription & { resource: string; communicationUserId: string },
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
