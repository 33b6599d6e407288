import { createHash, randomBytes, verify } from 'node:crypto';
import {
  type SampleApp,
  type SamplePerson,
  type SampleResource,
  SAMPLE_RESOURCES,
  type TokenVersion,
} from '../fixtures/seed-directory.js';
import { signCompact, type SigningKey, type SigningKeys } from './signing-keys.js';

/** The claims of a token. */
export type Claims = Readonly<Record<string, unknown>>;

/** `iat` and `nbf` of Entra tokens are five minutes in the past. */
const BACKDATED_SECONDS = 300;
/** The lifetime of all tokens, as `expires_in` states it. */
export const TOKEN_LIFETIME_SECONDS = 3599;

interface TokenRequest {
  readonly resource: SampleResource;
  /** `aud` of a v1.0 token: the requested identifier of the resource. */
  readonly audience: string;
  readonly tenantId: string;
  readonly client: SampleApp;
  readonly version: TokenVersion;
  readonly expiresInSeconds?: number;
}

/** Builds, signs and verifies the tokens of the emulated Entra ID. */
export class AccessTokens {
  constructor(
    private readonly keys: SigningKeys,
    private readonly authorityUrl: () => string,
  ) {}

  /** The claims of a delegated token. */
  delegatedClaims(
    request: TokenRequest & {
      readonly person: SamplePerson;
      readonly scopes: readonly string[];
      /** Authentication contexts that the sign-in met. */
      readonly contexts?: readonly string[];
    },
  ): Claims {
    const { person, resource, contexts = [] } = request;
    const hasRoles = person.roles.length > 0 && resource === SAMPLE_RESOURCES.api;
    return {
      ...this.#commonClaims(request),
      ...(request.version === '1.0' ? v1PersonClaims(person) : v2PersonClaims(person)),
      ...(person.guestOf === undefined
        ? { acct: 0 }
        : { acct: 1, idp: `https://sts.windows.net/${person.guestOf}/` }),
      ...(contexts.length > 0 && { acrs: contexts }),
      oid: person.objectId,
      ...(hasRoles ? { roles: person.roles } : {}),
      scp: request.scopes.join(' '),
      sub: pairwiseSubject(person, resource.clientId),
    };
  }

  /** The claims of an app-only token. As in Entra, `roles` is absent when no role is granted. */
  appOnlyClaims(request: TokenRequest & { readonly roles: readonly string[] }): Claims {
    return {
      ...this.#commonClaims(request),
      ...(request.version === '1.0' ? { idp: `https://sts.windows.net/${request.tenantId}/` } : {}),
      oid: request.client.objectId,
      ...(request.roles.length === 0 ? {} : { roles: request.roles }),
      sub: request.client.objectId,
    };
  }

  idTokenClaims(
    person: SamplePerson,
    client: SampleApp,
    version: TokenVersion,
    nonce?: string,
  ): Claims {
    const now = nowSeconds();
    return {
      aud: client.clientId,
      iss: this.issuer(person.tenantId, version),
      iat: now - BACKDATED_SECONDS,
      nbf: now - BACKDATED_SECONDS,
      exp: now + TOKEN_LIFETIME_SECONDS,
      name: person.displayName,
      ...(nonce === undefined ? {} : { nonce }),
      oid: person.objectId,
      preferred_username: person.userPrincipalName,
      rh: opaque(),
      sub: pairwiseSubject(person, client.clientId),
      tid: person.tenantId,
      uti: uniqueTokenId(),
      ver: version,
    };
  }

  sign(claims: Claims, key: SigningKey = this.keys.current): string {
    return signCompact(this.header(claims, key), claims, key.privateKey);
  }

  /** The JOSE header. v1.0 tokens have `x5t` in addition to `kid`. */
  header(claims: Claims, key: SigningKey): Record<string, unknown> {
    return {
      typ: 'JWT',
      alg: 'RS256',
      ...(claims.ver === '1.0' ? { x5t: key.kid } : {}),
      kid: key.kid,
    };
  }

  /** @returns the claims of a valid token of this emulator for the resource, or `undefined`. */
  verify(token: string, resource: SampleResource): Claims | undefined {
    const claims = this.#verifySignature(token);
    if (claims === undefined) return undefined;
    const audiences = [resource.clientId, ...resource.identifiers];
    if (typeof claims.aud !== 'string' || !audiences.includes(claims.aud)) return undefined;
    return claims;
  }

  issuer(tenantId: string, version: TokenVersion): string {
    return version === '1.0'
      ? `https://sts.windows.net/${tenantId}/`
      : `${this.authorityUrl()}/${tenantId}/v2.0`;
  }

  #verifySignature(token: string): Claims | undefined {
    const [header, payload, signature, ...rest] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined) return undefined;
    if (rest.length > 0) return undefined;
    const { alg, kid } = decodePart(header);
    const key = this.keys.find(kid);
    if (key === undefined || alg !== 'RS256') return undefined;
    const isGenuine = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      key.publicKey,
      Buffer.from(signature, 'base64url'),
    );
    if (!isGenuine) return undefined;
    const claims = decodePart(payload);
    const now = nowSeconds();
    if (typeof claims.exp !== 'number' || claims.exp <= now) return undefined;
    return claims;
  }

  #commonClaims(request: TokenRequest): Claims {
    const now = nowSeconds();
    const isV1 = request.version === '1.0';
    const strength = request.client.clientSecret === undefined ? '0' : '1';
    const client = request.client.clientId;
    return {
      aud: isV1 ? request.audience : request.resource.clientId,
      iss: this.issuer(request.tenantId, request.version),
      iat: now - BACKDATED_SECONDS,
      nbf: now - BACKDATED_SECONDS,
      exp: now + (request.expiresInSeconds ?? TOKEN_LIFETIME_SECONDS),
      aio: opaque(),
      ...(isV1 ? { appid: client, appidacr: strength } : { azp: client, azpacr: strength }),
      rh: opaque(),
      tid: request.tenantId,
      uti: uniqueTokenId(),
      ver: request.version,
    };
  }
}

function v1PersonClaims(person: SamplePerson): Claims {
  const [givenName, familyName] = person.displayName.split(' ');
  return {
    acr: '1',
    amr: ['pwd'],
    family_name: familyName,
    given_name: givenName,
    ipaddr: '127.0.0.1',
    name: person.displayName,
    unique_name: person.userPrincipalName,
    ...(person.guestOf === undefined ? { upn: person.userPrincipalName } : {}),
  };
}

function v2PersonClaims(person: SamplePerson): Claims {
  return { name: person.displayName, preferred_username: person.userPrincipalName };
}

/** `sub` differs between APIs for the same person. */
function pairwiseSubject(person: SamplePerson, audience: string): string {
  return createHash('sha256').update(`${person.objectId}:${audience}`).digest('base64url');
}

function uniqueTokenId(): string {
  return randomBytes(16).toString('base64url');
}

function opaque(): string {
  return `1.A${randomBytes(30).toString('base64url')}.`;
}

/** The current Unix time, in whole seconds. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** @returns an empty object for a part that is not a JSON object. */
function decodePart(part: string): Claims {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
