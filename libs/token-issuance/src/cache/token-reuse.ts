import { createHash } from 'node:crypto';
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
import type { IssuanceRequest } from '../issue/issuance-auditor.js';
import type { Decision, Grant } from '../policy/issuance-policy.js';
import { type CachePlace, TokenCache } from './token-cache.js';

type Granted = Extract<Decision, { grant: Grant }>;

/** A token that may be handed out again. */
interface ReusableToken {
  readonly token: string;
  readonly expiresOn: Date;
  readonly mapping: ProvisionedMapping;
  readonly fingerprint: TokenFingerprint;
}

/** Finds and keeps tokens for the rules that say `reuse: true`. */
@Injectable()
export class TokenReuse {
  constructor(
    private readonly cache: TokenCache,
    private readonly mappings: IdentityMappingService,
    private readonly resources: CommunicationResources,
    private readonly secrets: SecretStore,
  ) {}

  /** What makes two requests equal, so that one token serves both. */
  keyOf({ tenant, subject, kind }: ApplicationIdentity, decision: Granted): string {
    return JSON.stringify([tenant, subject, kind, variantOf(decision)]);
  }

  /** @returns `undefined` when a new token has to be issued */
  async find(asked: IssuanceRequest, decision: Granted): Promise<ReusableToken | undefined> {
    const mapping = asked.mapping ?? (await this.#existing(asked.identity));
    if (mapping?.status !== 'active' || mapping.isRevoking) return undefined;
    const kept = await this.cache.find(placeOf(mapping, decision));
    if (!kept || kept.secretVersion !== (await this.#secretVersion(mapping))) return undefined;
    const { token, expiresOn, fingerprint } = kept;
    return { token, expiresOn, mapping, fingerprint };
  }

  async keep(
    decision: Granted,
    { mapping, token, expiresOn, fingerprint }: ReusableToken,
    secretVersion: string | undefined,
  ): Promise<void> {
    const place = placeOf(mapping, decision);
    await this.cache.keep(place, { token, expiresOn, fingerprint, secretVersion });
  }

  async #existing(identity: ApplicationIdentity): Promise<ProvisionedMapping | undefined> {
    try {
      return await this.mappings.find(identity);
    } catch (error) {
      if (error instanceof MappingNotFound) return undefined;
      throw error;
    }
  }

  /** Of the credential in use now: a new one most likely means that the old key's tokens are dead. */
  async #secretVersion({ resource }: ProvisionedMapping): Promise<string | undefined> {
    const { credentialSecret } = this.resources.find(resource);
    if (credentialSecret === undefined) return undefined;
    return (await this.secrets.read(credentialSecret)).version;
  }
}

function placeOf({ id, tokenGeneration }: ProvisionedMapping, decision: Granted): CachePlace {
  return {
    mappingId: id,
    tokenGeneration,
    policyVersion: decision.version,
    variant: variantOf(decision),
  };
}

function variantOf({ grant, rule, version }: Granted): string {
  const lifetime = grant.isLifetimeAsked ? grant.expiresInMinutes : 'default';
  const parts = JSON.stringify([grant.scopes, lifetime, rule, version]);
  return createHash('sha256').update(parts).digest('base64url');
}
