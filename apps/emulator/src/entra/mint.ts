import { createSecretKey, type KeyObject } from 'node:crypto';
import {
  type AppName,
  type PersonName,
  type ResourceName,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  type SamplePerson,
  type SampleResource,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
  type TokenVersion,
} from '../fixtures/seed-directory.js';
import type { AccessTokens, Claims } from './access-tokens.js';
import { consentedScopes } from './directory.js';
import { signCompact, type SigningKeys } from './signing-keys.js';

/**
 * The key and algorithm of a minted token:
 *
 * - `current`: the current key.
 * - `unknown`: an unpublished key, with its own `kid`.
 * - `impostor`: the unpublished key, with the `kid` of the current key.
 * - `oldest`: the oldest published key.
 * - `none`: `alg: none` and no signature.
 * - `public-key-as-secret`: HS256 keyed with the PEM of the public key (algorithm confusion).
 */
export type MintSignature =
  | 'current'
  | 'unknown'
  | 'impostor'
  | 'oldest'
  | 'none'
  | 'public-key-as-secret';

/** The token to mint. Default: a delegated token of alice for the API. */
export interface MintRequest {
  readonly person?: PersonName | undefined;
  readonly app?: AppName | undefined;
  /** Tenant id. Default: the tenant of the person or app. */
  readonly tenant?: string | undefined;
  /** Default `api`. */
  readonly resource?: ResourceName | undefined;
  /** Default: the token version of the resource. */
  readonly version?: TokenVersion | undefined;
  /** Overrides header parameters; `null` removes one. */
  readonly header?: Readonly<Record<string, unknown>> | undefined;
  /** Overrides claims; `null` removes one. */
  readonly claims?: Claims | undefined;
  /** Replaces the header by this text, valid JSON or not. */
  readonly rawHeader?: string | undefined;
  /** Replaces the claims by this text, for duplicate names, wrong types and invalid JSON. */
  readonly rawClaims?: string | undefined;
  /** Default `current`. */
  readonly sign?: MintSignature | undefined;
  /** Negative for an expired token. Default 3599. */
  readonly expiresInSeconds?: number | undefined;
}

/** Mints the token of the real flow, with the overrides applied. */
export async function mintToken(
  request: MintRequest,
  tokens: AccessTokens,
  keys: SigningKeys,
): Promise<string> {
  const claims = overlay(plainClaims(request, tokens), request.claims);
  const { headerKid, key, alg } = await signature(request.sign ?? 'current', keys);
  const header = overlay(
    { ...tokens.header(claims, { ...keys.current, kid: headerKid }), alg },
    request.header,
  );
  return signCompact(request.rawHeader ?? header, request.rawClaims ?? claims, key);
}

function plainClaims(request: MintRequest, tokens: AccessTokens): Claims {
  const resource: SampleResource = SAMPLE_RESOURCES[request.resource ?? 'api'];
  const common = {
    resource,
    audience: resource.identifiers[0],
    version: request.version ?? resource.tokenVersion,
    ...(request.expiresInSeconds === undefined
      ? {}
      : { expiresInSeconds: request.expiresInSeconds }),
  };
  if (request.app !== undefined) {
    const client = SAMPLE_APPS[request.app];
    return tokens.appOnlyClaims({
      ...common,
      tenantId: request.tenant ?? SAMPLE_TENANTS.home.id,
      client,
      roles: resource === SAMPLE_RESOURCES.api ? client.roles : [],
    });
  }
  const person: SamplePerson = SAMPLE_PEOPLE[request.person ?? 'alice'];
  return tokens.delegatedClaims({
    ...common,
    tenantId: request.tenant ?? person.tenantId,
    client: SAMPLE_APPS['sample-web-app'],
    person,
    scopes: consentedScopes(person, {
      resource,
      identifier: resource.identifiers[0],
      names: ['.default'],
      protocol: [],
    }),
  });
}

async function signature(
  kind: MintSignature,
  keys: SigningKeys,
): Promise<{ headerKid: string; key: KeyObject | 'none'; alg: string }> {
  const { current } = keys;
  switch (kind) {
    case 'current':
      return { headerKid: current.kid, key: current.privateKey, alg: 'RS256' };
    case 'unknown': {
      const unknown = await keys.unknown();
      return { headerKid: unknown.kid, key: unknown.privateKey, alg: 'RS256' };
    }
    case 'impostor':
      return { headerKid: current.kid, key: (await keys.unknown()).privateKey, alg: 'RS256' };
    case 'oldest': {
      const oldest = keys.published[0] ?? current;
      return { headerKid: oldest.kid, key: oldest.privateKey, alg: 'RS256' };
    }
    case 'none':
      return { headerKid: current.kid, key: 'none', alg: 'none' };
    case 'public-key-as-secret': {
      const pem = current.publicKey.export({ type: 'spki', format: 'pem' });
      return { headerKid: current.kid, key: createSecretKey(Buffer.from(pem)), alg: 'HS256' };
    }
  }
}

function overlay(base: Claims, overrides: Claims | undefined): Claims {
  const entries = Object.entries({ ...base, ...overrides });
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}
