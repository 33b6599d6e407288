import { createSecretKey, type KeyObject } from 'node:crypto';
import {
  type AppName,
  type PersonName,
  type ResourceName,
  sampleApps,
  samplePeople,
  type SamplePerson,
  type SampleResource,
  sampleResources,
  sampleTenants,
  type TokenVersion,
} from '../sample-people.js';
import type { AccessTokens, Claims } from './access-tokens.js';
import { consentedScopes } from './directory.js';
import { signCompact, type SigningKeys } from './signing-keys.js';

/**
 * - `current`: the tenant's current key.
 * - `unknown`: a key that is not published, under its own kid.
 * - `impostor`: that key under the current key's kid.
 * - `oldest`: the oldest key that is still published.
 * - `none`: `alg: none` and no signature.
 * - `public-key-as-secret`: HS256 keyed with the public key's PEM, the classic confusion.
 */
export type MintSignature =
  'current' | 'unknown' | 'impostor' | 'oldest' | 'none' | 'public-key-as-secret';

/** Without `person` and `app`: alice. */
export interface MintRequest {
  readonly person?: PersonName | undefined;
  readonly app?: AppName | undefined;
  /** A tenant's id; default the person's own. */
  readonly tenant?: string | undefined;
  /** Default `api`. */
  readonly resource?: ResourceName | undefined;
  /** Default what the resource's registration says. */
  readonly version?: TokenVersion | undefined;
  /** Laid over the header; `null` removes. */
  readonly header?: Readonly<Record<string, unknown>> | undefined;
  /** Laid over the claims; `null` removes. */
  readonly claims?: Claims | undefined;
  /** The header's text as it is, JSON or not, instead of all of the above. */
  readonly rawHeader?: string | undefined;
  /** The same for the claims: for duplicate names, wrong types and broken JSON. */
  readonly rawClaims?: string | undefined;
  /** Default `current`. */
  readonly sign?: MintSignature | undefined;
  /** From now; negative for one that has expired. Default 3599. */
  readonly expiresInSeconds?: number | undefined;
}

/** Mints a token as the real flow would give it, then lays the overrides over it. */
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
  const resource: SampleResource = sampleResources[request.resource ?? 'api'];
  const common = {
    resource,
    audience: resource.identifiers[0],
    version: request.version ?? resource.tokenVersion,
    ...(request.expiresInSeconds === undefined
      ? {}
      : { expiresInSeconds: request.expiresInSeconds }),
  };
  if (request.app !== undefined) {
    const client = sampleApps[request.app];
    return tokens.appOnlyClaims({
      ...common,
      tenantId: request.tenant ?? sampleTenants.home.id,
      client,
      roles: resource === sampleResources.api ? client.roles : [],
    });
  }
  const person: SamplePerson = samplePeople[request.person ?? 'alice'];
  return tokens.delegatedClaims({
    ...common,
    tenantId: request.tenant ?? person.tenantId,
    client: sampleApps['sample-web-app'],
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
