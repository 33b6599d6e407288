import type { EntraSettings } from '../settings.js';
import { ClaimsChallenge } from '../bearer/claims-required.js';
import { type UnverifiedJwt, rejectIf } from '../jwt/parse-jwt.js';
import { type EntraClaims, readEntraClaims } from './entra-claims.js';
import { checkAudience, checkHeader, entraPrincipal } from './entra-principal.js';
import { JwksCache, type IssuerKey } from '../keys/jwks-cache.js';
import type { SigningKey } from '../keys/jwks.js';
import type { Permission } from '../access/permission.js';
import type { Principal } from '../access/principal.js';
import { TokenRejected } from '../bearer/token-refused.js';
import type { SignatureVerifier } from '../keys/signature-verifier.js';
import { checkTimeClaims } from '../jwt/time-claims.js';
import { TokenVerifier, type VerifierDependencies } from '../jwt/token-verifier.js';

const LONGEST_LIFETIME_SECONDS = 24 * 60 * 60;

type Version = EntraSettings['versions'][number];

/** Verifies Entra's access tokens: our own checks first, the signature last. */
export class EntraTokenVerifier extends TokenVerifier {
  /** By version, then by tenant. */
  readonly #keys: ReadonlyMap<Version, ReadonlyMap<string, JwksCache>>;

  constructor(
    private readonly entra: EntraSettings,
    private readonly signatures: SignatureVerifier,
    private readonly surroundings: VerifierDependencies,
  ) {
    super();
    const { authority, tenants, versions } = entra;
    const keysOf = (version: Version, tenant: string): JwksCache =>
      new JwksCache(
        discoveryUrl(authority, tenant, version),
        (issuer) => isIssuerOf(issuer, { authority, tenant, version }),
        surroundings.keys,
      );
    this.#keys = new Map(
      versions.map((version) => [
        version,
        new Map(tenants.map((tenant) => [tenant, keysOf(version, tenant)])),
      ]),
    );
  }

  /** Entra's tokens name their tenant. */
  override isFor({ claims: { tid } }: UnverifiedJwt): boolean {
    return typeof tid === 'string' && this.entra.tenants.includes(tid);
  }

  override get isReady(): boolean {
    return this.#all().every((keys) => keys.areUsable);
  }

  override async keepFresh(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map(async (keys) => keys.keepFresh(signal)));
  }

  override async verify(token: UnverifiedJwt, sought?: Permission): Promise<Principal> {
    const { entra } = this;
    checkHeader(token);
    const { tid, ver } = token.claims;
    rejectIf(typeof tid !== 'string' || !entra.tenants.includes(tid), 'tenant-not-allowed');
    const version = entra.versions.find((candidate) => candidate === ver);
    if (version === undefined) throw new TokenRejected('version-not-allowed');
    const claims = readEntraClaims(token.claims, version);
    checkTimeClaims(claims, {
      nowMs: this.surroundings.keys.clock.now(),
      skewSeconds: this.surroundings.skewSeconds,
      longestSeconds: LONGEST_LIFETIME_SECONDS,
    });
    checkAudience(claims, entra);
    const principal = entraPrincipal(claims, entra.botClientApps);
    const keys = this.#keys.get(version)?.get(claims.tid);
    if (keys === undefined) throw new TokenRejected('tenant-not-allowed');
    const signer = keys.known(token.keyId) ?? (await lookUp(keys, token.keyId, claims.iss));
    rejectIf(signer.issuer !== claims.iss, 'issuer-not-trusted');
    rejectIf(!this.#mayUse(signer.key, claims), 'key-of-other-issuer');
    await this.signatures.verify(token.text, signer);
    this.#checkAuthenticationContext(principal, claims, sought);
    return principal;
  }

  #all(): JwksCache[] {
    return [...this.#keys.values()].flatMap((byTenant) => [...byTenant.values()]);
  }

  /**
   * Asks a user to sign in more strongly for what the service is configured to ask it for
   * (learn.microsoft.com, "Developer guide to Conditional Access authentication context").
   * Whoever lacks the permission is not sent to sign in for nothing.
   */
  #checkAuthenticationContext(
    principal: Principal,
    { acrs }: EntraClaims,
    sought: Permission | undefined,
  ): void {
    if (sought === undefined || principal.kind !== 'user') return;
    const value = this.entra.requiredAuthenticationContext[sought];
    if (value === undefined || acrs?.includes(value) === true) return;
    if (!principal.permissions.includes(sought)) return;
    throw new ClaimsChallenge(principal, { access_token: { acrs: { essential: true, value } } });
  }

  /** Entra notes v2.0 issuers on the keys that it publishes, whatever version a token has. */
  #mayUse({ issuer }: SigningKey, { tid, iss }: { tid: string; iss: string }): boolean {
    const only = issuer?.replaceAll('{tenantid}', tid);
    return only === undefined || only === iss || only === `${this.entra.authority}/${tid}/v2.0`;
  }
}

/** Asks the issuer for a key that isn't known: not for a token that claims to be another's. */
async function lookUp(keys: JwksCache, keyId: string, claimed: string): Promise<IssuerKey> {
  const issuer = await keys.issuer();
  rejectIf(claimed !== issuer, 'issuer-not-trusted');
  const key = await keys.find(keyId);
  if (key === undefined) throw new TokenRejected('key-unknown');
  return { issuer, key };
}

function discoveryUrl(authority: string, tenant: string, version: Version): string {
  const path = version === '2.0' ? `${tenant}/v2.0` : tenant;
  return `${authority}/${path}/.well-known/openid-configuration`;
}

/**
 * The template that an issuer's own document has to fit: v2.0 issuers stand under the authority,
 * v1.0 ones under an address of their own (`https://sts.windows.net/` in the public cloud).
 */
function isIssuerOf(
  issuer: string,
  { authority, tenant, version }: { authority: string; tenant: string; version: Version },
): boolean {
  if (version === '2.0') return issuer === `${authority}/${tenant}/v2.0`;
  const url = URL.parse(issuer);
  return url?.protocol === 'https:' && issuer === `${url.origin}/${tenant}/`;
}
