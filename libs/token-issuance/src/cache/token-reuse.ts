import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { TokenFingerprint } from '#libs/audit';
import { CommunicationResources } from '#libs/communication-services';
import {
  type ApplicationIdentity,
  type ProvisionedMapping,
  IdentityMappingService,
  MappingNotFound,
} from '#libs/identity-mapping';
import { SecretStore } from '#libs/secrets';
import type { GrantedDecision } from '../policy/issuance-policy.js';
import { type CacheKey, TokenCache } from './token-cache.js';

/** A token that may be released again. */
export interface ReusableToken {
  readonly token: string;
  readonly expiresOn: Date;
  readonly mapping: ProvisionedMapping;
  readonly fingerprint: TokenFingerprint;
}

/** Finds and stores tokens for the rules that say `reuse: true`. */
@Injectable()
export class TokenReuse {
  constructor(
    private readonly cache: TokenCache,
    private readonly mappings: IdentityMappingService,
    private readonly resources: CommunicationResources,
    private readonly secrets: SecretStore,
  ) {}

  /** The same for two requests that one token can serve. */
  keyOf({ tenant, subject, kind }: ApplicationIdentity, decision: GrantedDecision): string {
    return JSON.stringify([tenant, subject, kind, variantOf(decision)]);
  }

  /**
   * @param mapping that of the identity; absent: it is looked up
   * @returns `undefined` when a new token has to be issued
   */
  async find(
    {
      identity,
      mapping: known,
    }: { readonly identity: ApplicationIdentity; readonly mapping?: ProvisionedMapping },
    decision: GrantedDecision,
  ): Promise<ReusableToken | undefined> {
    const mapping = known ?? (await this.#findMapping(identity));
    if (mapping?.status !== 'active' || mapping.isRevoking || mapping.awaitsRevocation) {
      return undefined;
    }
    const cached = await this.cache.find(cacheKeyOf(mapping, decision));
    if (!cached || cached.secretVersion !== (await this.#secretVersion(mapping))) return undefined;
    const { token, expiresOn, fingerprint } = cached;
    return { token, expiresOn, mapping, fingerprint };
  }

  /** @param secretVersion of the ACS credential that the token was issued with */
  async store(
    decision: GrantedDecision,
    { mapping, token, expiresOn, fingerprint }: ReusableToken,
    secretVersion: string | undefined,
  ): Promise<void> {
    const key = cacheKeyOf(mapping, decision);
    await this.cache.store(key, { token, expiresOn, fingerprint, secretVersion });
  }

  async #findMapping(identity: ApplicationIdentity): Promise<ProvisionedMapping | undefined> {
    try {
      return await this.mappings.find(identity);
    } catch (error) {
      if (error instanceof MappingNotFound) return undefined;
      throw error;
    }
  }

  /** Of the current ACS credential. Tokens of an earlier one are probably revoked. */
  async #secretVersion({ resource }: ProvisionedMapping): Promise<string | undefined> {
    const { credentialSecret } = this.resources.find(resource);
    if (credentialSecret === undefined) return undefined;
    return (await this.secrets.current(credentialSecret)).version;
  }
}

function cacheKeyOf(
  { id, resource, communicationUserId, tokenGeneration }: ProvisionedMapping,
  decision: GrantedDecision,
): CacheKey {
  return {
    mappingId: id,
    resource,
    communicationUserId,
    tokenGeneration,
    policyVersion: decision.version,
    variant: variantOf(decision),
  };
}

function variantOf({ grant, rule, version }: GrantedDecision): string {
  const lifetime = grant.isLifetimeRequested ? grant.expiresInMinutes : 'default';
  const parts = JSON.stringify([grant.scopes, lifetime, rule, version]);
  return hash('sha256', parts, 'base64url');
}
