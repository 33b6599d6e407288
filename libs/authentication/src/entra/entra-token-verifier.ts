import { requiredContextOf } from '../access/authentication-contexts.js';
import type { Permission } from '../access/permission.js';
import type { Principal } from '#libs/platform';
import { ClaimsChallenge, mismatch, rejectIf, TokenRejected } from '../errors.js';
import { isAmong } from '../jwt/audience.js';
import type { UnverifiedJwt } from '../jwt/parse-jwt.js';
import { checkTimeClaims } from '../jwt/time-claims.js';
import { TokenVerifier, type VerifierDependencies } from '../jwt/token-verifier.js';
import { type IssuerKey, JwksCache } from '../keys/jwks-cache.js';
import type { SigningKey } from '../keys/jwks.js';
import type { SignatureVerifier } from '../keys/signature-verifier.js';
import type { EntraSettings } from '../settings/entra-settings.js';
import { externalIdIssuer } from '../trusted-issuers.js';
import { type EntraClaims, readEntraClaims } from './entra-claims.js';
import { entraPrincipal } from './entra-principal.js';

const MAX_LIFETIME_SECONDS = 24 * 60 * 60;
const ALGORITHM = 'RS256';
const CLIENT_AUTHENTICATION_NAMES = ['public', 'secret', 'certificate'];

type Version = EntraSettings['versions'][number];

/** Verifies Entra access tokens of the configured tenants: claims first, the signature last. */
export class EntraTokenVerifier extends TokenVerifier {
  override readonly issuers: readonly string[];
  override readonly jwks: readonly JwksCache[];
  /** By version, then by tenant. */
  readonly #keys: ReadonlyMap<Version, ReadonlyMap<string, JwksCache>>;

  constructor(
    private readonly entra: EntraSettings,
    private readonly signatureVerifier: SignatureVerifier,
    private readonly dependencies: VerifierDependencies,
    /** Of another API, whose tokens are verified: see `entraPrincipal`. */
    private readonly foreignScopes?: readonly string[],
  ) {
    super();
    const { authority, tenants, versions } = entra;
    const keysOf = (version: Version, tenant: string): JwksCache => {
      const url = discoveryUrl(authority, tenant, version);
      const isIssuer = (issuer: string): boolean =>
        isIssuerOf(issuer, { authority, tenant, version });
      const keys =
        dependencies.entraKeys?.get(url) ??
        new JwksCache(url, { isIssuer, algorithms: [ALGORITHM] }, dependencies.keys);
      dependencies.entraKeys?.set(url, keys);
      return keys;
    };
    this.#keys = new Map(
      versions.map((version) => [
        version,
        new Map(tenants.map((tenant) => [tenant, keysOf(version, tenant)])),
      ]),
    );
    this.issuers = tenants.map((tenant) => `${authority}/${tenant}`);
    this.jwks = [...this.#keys.values()].flatMap((byTenant) => [...byTenant.values()]);
  }

  override isFor({ claims: { tid } }: UnverifiedJwt): boolean {
    return this.entra.tenants.some((tenant) => tenant === tid);
  }

  override async verify(token: UnverifiedJwt, requiredPermission?: Permission): Promise<Principal> {
    if (token.algorithm !== ALGORITHM)
      throw mismatch('algorithm-not-allowed', ALGORITHM, token.algorithm);
    if (token.type !== 'JWT') throw mismatch('type-not-allowed', 'JWT', token.type);
    const { keyId } = token;
    if (keyId === undefined) throw mismatch('key-unknown', 'a kid', 'none');
    const { tid, ver } = token.claims;
    const { tenants, versions } = this.entra;
    if (!tenants.some((tenant) => tenant === tid))
      throw mismatch('tenant-not-allowed', tenants, tid);
    const version = versions.find((candidate) => candidate === ver);
    if (version === undefined) throw mismatch('version-not-allowed', versions, ver);
    const claims = readEntraClaims(token.claims, version);
    checkTimeClaims(claims, {
      nowMs: this.dependencies.keys.clock.now(),
      skewSeconds: this.dependencies.skewSeconds,
      maxLifetimeSeconds: MAX_LIFETIME_SECONDS,
    });
    this.#checkAudience(claims);
    const principal = entraPrincipal(claims, this.entra, this.foreignScopes);
    const keys = this.#keys.get(version)?.get(claims.tid);
    if (keys === undefined) throw new TokenRejected('tenant-not-allowed');
    const key = keys.cached(keyId, ALGORITHM) ?? (await findKey(keys, keyId, claims.iss));
    if (key.issuer !== claims.iss) throw mismatch('issuer-not-trusted', key.issuer, claims.iss);
    rejectIf(!this.#isKeyFor(claims, key.key), 'key-of-other-issuer');
    await this.signatureVerifier.verify(token.text, key);
    const required = this.foreignScopes ? principal.permissions[0] : requiredPermission;
    this.#checkAuthenticationContext(principal, claims, required);
    return principal;
  }

  /** Whether the token is for this service, and its client app may call. */
  #checkAudience({ aud, clientApp, clientAuthentication }: EntraClaims): void {
    const { audiences, clientApps, minimumClientAuthentication } = this.entra;
    if (!isAmong(aud, audiences)) throw mismatch('audience', audiences, aud);
    if (clientApps.length > 0 && !clientApps.includes(clientApp))
      throw mismatch('client-app-not-allowed', clientApps, clientApp, clientApp);
    if (Number(clientAuthentication) < minimumClientAuthentication) {
      const [expected, actual] = [minimumClientAuthentication, Number(clientAuthentication)].map(
        (method) => CLIENT_AUTHENTICATION_NAMES[method],
      );
      throw mismatch('client-authentication-too-weak', expected, actual, clientApp);
    }
  }

  /**
   * Requires the authentication context that is configured for the permission
   * (learn.microsoft.com, "Developer guide to Conditional Access authentication context"). A user
   * without the permission gets no challenge: a stronger sign-in would not help.
   */
  #checkAuthenticationContext(
    principal: Principal,
    { acrs }: EntraClaims,
    permission: string | undefined,
  ): void {
    if (permission === undefined || principal.kind !== 'user') return;
    const value = requiredContextOf(this.entra.requiredAuthenticationContext, permission);
    if (value === undefined || acrs?.includes(value) === true) return;
    if (!principal.permissions.includes(permission)) return;
    throw new ClaimsChallenge(principal, { access_token: { acrs: { essential: true, value } } });
  }

  /** Entra publishes keys with the v2.0 issuer, also those that sign v1.0 tokens. */
  #isKeyFor({ tid, iss }: EntraClaims, { issuerTemplate }: SigningKey): boolean {
    const only = issuerTemplate?.replaceAll('{tenantid}', tid);
    return only === undefined || only === iss || only === `${this.entra.authority}/${tid}/v2.0`;
  }
}

/** Compares the issuer before it loads an unknown key, so that a forged `iss` causes no load. */
async function findKey(keys: JwksCache, keyId: string, claimedIssuer: string): Promise<IssuerKey> {
  const issuer = await keys.issuer();
  if (claimedIssuer !== issuer) throw mismatch('issuer-not-trusted', issuer, claimedIssuer);
  const key = await keys.find(keyId, ALGORITHM);
  if (key === undefined) throw mismatch('key-unknown', `a key of ${keys.discoveryUrl}`, keyId);
  return { issuer, key };
}

function discoveryUrl(authority: string, tenant: string, version: Version): string {
  const path = version === '2.0' ? `${tenant}/v2.0` : tenant;
  return `${authority}/${path}/.well-known/openid-configuration`;
}

/**
 * Whether a discovery document may name this issuer. v2.0 issuers are below the authority, except those
 * of External ID, whose authority has the name of the tenant or its own domain as host; v1.0 issuers have
 * a host of their own (`https://sts.windows.net/` in the public cloud).
 */
function isIssuerOf(
  issuer: string,
  { authority, tenant, version }: { authority: string; tenant: string; version: Version },
): boolean {
  if (version === '2.0')
    return issuer === `${authority}/${tenant}/v2.0` || issuer === externalIdIssuer(tenant);
  const url = URL.parse(issuer);
  return url?.protocol === 'https:' && issuer === `${url.origin}/${tenant}/`;
}
