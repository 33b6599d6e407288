import { Inject, Injectable } from '@nestjs/common';
import type { AuditEvent, AuditReceipt } from '#libs/audit';
import { CommunicationResources } from '#libs/communication-services';
import { Clock } from '#libs/platform';
import { type ApplicationIdentity, canonicalName } from './model/application-identity.js';
import {
  MappingChanged,
  MappingNotActive,
  MappingNotFound,
  MappingPending,
  RevocationPending,
} from './errors.js';
import {
  type CreateWithToken,
  type EnsuredMapping,
  IdentityCreation,
} from './lifecycle/identity-creation.js';
import { IdentityMap } from './store/identity-map.js';
import { identityMappingSettings, type IdentityMappingSettings } from './settings.js';
import { type ProvisionedMapping, isEstablished } from './model/mapping.js';
import { TokenRevocation } from './lifecycle/token-revocation.js';
import { newLease, type CallContext } from './lifecycle/call-context.js';

/** On whose behalf a mapping is looked up or made. */
export interface MappingRequest extends CallContext {
  readonly identity: ApplicationIdentity;
}

/** Whose tokens are to be revoked, by whom and why. */
export type RevocationRequest = CallContext &
  ({ readonly mapping: ProvisionedMapping } | { readonly identity: ApplicationIdentity }) & {
    readonly reason?: AuditEvent['reason'];
  };

/** ACS takes this long to act on a revocation or a deletion, at most. */
export const EFFECTIVE_WITHIN_MINUTES = 15;

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
    private readonly creation: IdentityCreation,
    private readonly revocation: TokenRevocation,
    private readonly resources: CommunicationResources,
    private readonly clock: Clock,
    @Inject(identityMappingSettings.key) private readonly settings: IdentityMappingSettings,
  ) {}

  /** @throws MappingNotFound when the identity never asked for a token, or was erased */
  async find(identity: ApplicationIdentity): Promise<ProvisionedMapping> {
    const mapping = await this.map.find(identity, this.#ruleFor(identity));
    if (!mapping || !isEstablished(mapping)) throw new MappingNotFound();
    return mapping;
  }

  /**
   * @param tenant whose mappings the caller may see; `any` for operators
   * @throws MappingNotFound for another tenant's mapping just as for a missing one, and for one that
   *   ACS has given no identity
   */
  async get(id: string, tenant: string): Promise<ProvisionedMapping> {
    const mapping = await this.map.get(id);
    const isVisible = mapping && (tenant === 'any' || mapping.tenant === tenant);
    if (!isVisible || mapping.status === 'deleted' || !isEstablished(mapping)) {
      throw new MappingNotFound();
    }
    return mapping;
  }

  /**
   * Gives the active mapping of an application identity, creating its communication identity on
   * first use. A mapping stays in the ACS resource that it was made in; a new one goes where the
   * configuration sends the tenant.
   *
   * Safe to repeat. Callers that race, in any number of replicas, get the same one.
   *
   * @param withToken asks for the first token in the same call to ACS; whoever finds the identity
   *   made already gets none
   * @throws MappingNotActive when it is suspended or being deleted
   * @throws RevocationPending while ACS has not confirmed that its old tokens are revoked
   * @throws MappingPending when another request has been creating it for longer than `waitMs`
   * @throws ResourceNotConfigured when it belongs to an ACS resource that is not configured
   * @throws UpstreamUnavailable when ACS gave no answer
   */
  async ensureActive(asked: MappingRequest, withToken?: CreateWithToken): Promise<EnsuredMapping> {
    const identity = {
      ...asked.identity,
      tenant: canonicalName(asked.identity.tenant),
      subject: canonicalName(asked.identity.subject),
    };
    const known = await this.map.find(identity, this.#ruleFor(identity));
    if (known && isEstablished(known)) return { mapping: this.#requireUsable(known) };
    const resource = this.resources.find(known?.resource ?? this.#ruleFor(identity)).name;

    const signal = asked.request?.signal;
    const deadline = this.clock.now() + this.settings.waitMs;
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 400)) {
      signal?.throwIfAborted();
      const lease = newLease(this.settings.leaseMs);
      const { standing, mapping } = await this.map.claim(identity, resource, lease);
      if (isEstablished(mapping)) return { mapping: this.#requireUsable(mapping) };
      if (standing === 'won') return this.creation.create(mapping, lease, asked, withToken);
      if (standing === 'abandoned' && (await this.creation.takeOver(mapping, lease))) {
        return this.creation.create(mapping, lease, asked, withToken);
      }
      if (this.clock.now() + pauseMs > deadline) throw new MappingPending();
      await this.clock.sleep(pauseMs * (0.5 + Math.random() / 2), signal);
    }
  }

  /**
   * Reads a mapping again, for who is about to issue a token for it.
   *
   * @throws MappingNotActive, RevocationPending, ResourceNotConfigured as `ensureActive` does
   */
  async requireActive(mapping: ProvisionedMapping): Promise<ProvisionedMapping> {
    return this.#requireUsable(await this.get(mapping.id, 'any'));
  }

  /**
   * To be asked after ACS has issued a token and before the token is released: a token that was
   * issued before a revocation dies at ACS, and one that was issued after it is refused here.
   *
   * @throws MappingNotActive when the mapping is suspended or deleted since
   * @throws RevocationPending when its tokens were revoked since
   */
  async requireUnchanged(mapping: ProvisionedMapping): Promise<void> {
    const stored = await this.map.get(mapping.id);
    if (!stored || !isEstablished(stored)) throw new MappingNotActive('deleted');
    this.#requireUsable(stored);
    if (stored.tokenGeneration !== mapping.tokenGeneration) throw new RevocationPending();
  }

  /**
   * Revokes every token of an identity: none is issued before ACS has confirmed, and ACS accepts
   * none of the old ones after `effectiveWithinMinutes`. Safe to repeat.
   *
   * @throws MappingNotFound when the application identity has no communication identity
   * @throws MappingNotActive when it is being deleted, which revokes its tokens too
   */
  async revokeTokens(
    asked: RevocationRequest,
  ): Promise<{ readonly effectiveWithinMinutes: number; readonly auditEntry: AuditReceipt }> {
    const { reason } = asked;
    const begin = async (mapping: ProvisionedMapping): Promise<AuditReceipt> =>
      this.revocation.begin({ mapping, action: 'token.revoke', ...(reason && { reason }) }, asked);
    for (;;) {
      const mapping =
        'mapping' in asked
          ? await this.get(asked.mapping.id, 'any')
          : await this.find(asked.identity);
      if (mapping.status === 'deleting') throw new MappingNotActive(mapping.status);
      try {
        return {
          effectiveWithinMinutes: EFFECTIVE_WITHIN_MINUTES,
          auditEntry: await begin(mapping),
        };
      } catch (error) {
        if (!(error instanceof MappingChanged)) throw error;
      }
    }
  }

  #ruleFor({ tenant }: ApplicationIdentity): string {
    return this.resources.forTenant(tenant).name;
  }

  #requireUsable(mapping: ProvisionedMapping): ProvisionedMapping {
    if (mapping.status !== 'active') throw new MappingNotActive(mapping.status);
    if (mapping.isRevoking) throw new RevocationPending();
    this.resources.find(mapping.resource);
    return mapping;
  }
}
