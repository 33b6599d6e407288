import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Actor, type AuditEvent, AuditTrail } from '#libs/audit';
import {
  CommunicationIdentityGateway,
  CommunicationResources,
  UpstreamOutcomeUnknown,
} from '#libs/communication-services';
import { Clock, Logger, type RequestContext } from '#libs/platform';
import type { ApplicationIdentity } from './application-identity.js';
import { LeaseLost, MappingNotActive, MappingNotFound, MappingPending } from './errors.js';
import { IdentityMap, type Lease } from './identity-map.js';
import {
  identityMappingSettings,
  type IdentityMappingSettings,
} from './identity-mapping-settings.js';
import type { EstablishedMapping, Mapping } from './mapping.js';

/** On whose behalf a mapping is looked up or made. */
export interface MappingRequest {
  readonly identity: ApplicationIdentity;
  readonly actor: Actor;
  readonly request: RequestContext;
}

/**
 * Finds or creates the one communication identity of an application identity.
 *
 * ACS can't list identities, so the intent is stored before ACS is asked, and an identity whose
 * answer was lost is recorded as an unknown outcome.
 */
@Injectable()
export class IdentityMappingService {
  constructor(
    private readonly map: IdentityMap,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /** @throws MappingNotFound when the identity never asked for a token, or was erased */
  async find(identity: ApplicationIdentity): Promise<EstablishedMapping> {
    const mapping = await this.map.find(identity, this.#resourceOf(identity));
    if (!mapping || !isEstablished(mapping)) throw new MappingNotFound();
    return mapping;
  }

  /**
   * Gives the active mapping of an application identity, creating its communication identity on
   * first use.
   *
   * Safe to repeat. Callers that race, in any number of replicas, get the same one.
   *
   * @throws MappingNotActive when it is suspended or being deleted
   * @throws MappingPending when another request has been creating it for longer than `waitMs`
   * @throws UpstreamUnavailable when ACS gave no answer
   */
  async ensureActive(asked: MappingRequest): Promise<EstablishedMapping> {
    const { identity } = asked;
    const resource = this.#resourceOf(identity);
    const known = await this.map.find(identity, resource);
    if (known && isEstablished(known)) return requireActive(known);

    const deadline = this.clock.now() + this.settings.waitMs;
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 400)) {
      asked.request.signal?.throwIfAborted();
      const lease: Lease = { holder: randomUUID(), durationMs: this.settings.leaseMs };
      const { standing, mapping } = await this.map.claim(identity, resource, lease);
      if (isEstablished(mapping)) return requireActive(mapping);
      if (standing === 'won') return this.#create(asked, mapping, lease);
      if (standing === 'abandoned' && (await this.#takeOver(mapping, lease))) {
        return this.#create(asked, mapping, lease);
      }
      if (this.clock.now() + pauseMs > deadline) throw new MappingPending();
      await this.clock.sleep(pauseMs * (0.5 + Math.random() / 2), asked.request.signal);
    }
  }

  /** Asks ACS for the identity of a mapping that is pending under the lease. */
  async #create(
    asked: MappingRequest,
    mapping: Mapping,
    lease: Lease,
  ): Promise<EstablishedMapping> {
    const { actor, request } = asked;
    const event = { action: 'identity.create', actor, request, target: targetOf(mapping) } as const;
    const created = await this.gateway
      .createIdentity({ resource: mapping.resource, request })
      .catch(async (error: unknown) => {
        await this.#giveUp(mapping, lease, event, error);
        throw error;
      });
    const { communicationUserId } = created;
    try {
      await this.audit.record(
        {
          ...event,
          outcome: 'success',
          target: { ...event.target, communicationUserId },
          upstream: created.evidence,
        },
        this.map.activate(mapping.id, lease, communicationUserId),
      );
    } catch (error) {
      if (error instanceof LeaseLost) {
        await this.#discard(asked, mapping, communicationUserId);
        throw new MappingPending();
      }
      // The transaction may have committed all the same. The mapping stays pending until its lease
      // ends, and whoever takes it over then records that the outcome is unknown.
      this.logger.error(
        { identityId: mapping.id, communicationUserId, error },
        'a created identity could not be recorded',
      );
      throw error;
    }
    return { ...mapping, status: 'active', communicationUserId, version: mapping.version + 1 };
  }

  /** Frees the mapping after a failed create; records it where ACS may have made an identity. */
  async #giveUp(
    mapping: Mapping,
    lease: Lease,
    event: Omit<AuditEvent, 'outcome'>,
    error: unknown,
  ): Promise<void> {
    try {
      if (!(error instanceof UpstreamOutcomeUnknown)) {
        await this.map.release(mapping.id, lease);
        return;
      }
      await this.audit.record(
        {
          ...event,
          action: 'identity.outcome-unknown',
          outcome: 'unknown',
          reason: { code: error.code, detail: 'the answer of ACS to a create was lost' },
        },
        this.map.releaseUnknown(mapping.id, lease),
      );
    } catch (failure) {
      // The lease ends by itself; whoever comes next records the unknown outcome.
      this.logger.warn(
        { identityId: mapping.id, error: failure },
        'a pending mapping could not be released',
      );
    }
  }

  /** @returns whether the abandoned mapping is ours now */
  async #takeOver(mapping: Mapping, lease: Lease): Promise<boolean> {
    try {
      await this.audit.record(
        {
          action: 'identity.outcome-unknown',
          outcome: 'unknown',
          actor: { kind: 'system', name: 'identity-mapping' },
          target: targetOf(mapping),
          reason: {
            code: 'lease-expired',
            detail: 'the replica that was creating the identity went away',
          },
        },
        this.map.takeOver(mapping.id, lease),
      );
      return true;
    } catch (error) {
      if (error instanceof LeaseLost) return false;
      throw error;
    }
  }

  /** Deletes an identity that came too late to be mapped, and records it either way. */
  async #discard(
    { actor, request }: MappingRequest,
    mapping: Mapping,
    communicationUserId: string,
  ): Promise<void> {
    const target = { ...targetOf(mapping), communicationUserId };
    const outcome = await this.gateway
      .deleteIdentity({ resource: mapping.resource, request }, communicationUserId)
      .then(
        () => 'success' as const,
        () => 'failure' as const,
      );
    await this.audit.record({
      action: 'identity.delete',
      outcome,
      actor,
      request,
      target,
      reason: { code: 'lease-lost', detail: 'the identity was created after its lease had ended' },
    });
  }

  #resourceOf({ tenant }: ApplicationIdentity): string {
    return this.resources.forTenant(tenant).name;
  }
}

function targetOf({
  id,
  kind,
  tenant,
  subject,
  resource,
}: Mapping): NonNullable<AuditEvent['target']> {
  return { identityId: id, kind, tenant, subject, resource };
}

function isEstablished(mapping: Mapping): mapping is EstablishedMapping {
  return mapping.communicationUserId !== undefined;
}

function requireActive(mapping: EstablishedMapping): EstablishedMapping {
  if (mapping.status !== 'active') throw new MappingNotActive(mapping.status);
  return mapping;
}
