import { errors, jwtVerify } from 'jose';
import { delegatedPermissions, ownPermissions } from '../access/granted-permissions.js';
import type { CanonicalName, Principal } from '#libs/platform';
import { mismatch, TokenRejected } from '../errors.js';
import { canonicalAudience } from '../jwt/audience.js';
import type { UnverifiedJwt } from '../jwt/parse-jwt.js';
import { checkTimeClaims } from '../jwt/time-claims.js';
import { TokenVerifier, type VerifierDependencies } from '../jwt/token-verifier.js';
import { JwksCache } from '../keys/jwks-cache.js';
import type { SigningKey } from '../keys/jwks.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { mediaType, requireAccessToken } from './access-token-proof.js';
import {
  type Claims,
  conditionState,
  nameClaim,
  namesIn,
  readClaims,
  textClaim,
} from './claims.js';
import { clientAppOf, isOfApplication } from './client-credentials.js';

/** Verifies JWT access tokens (RFC 9068) of one OpenID provider with `jose`. */
export class OpenIdTokenVerifier extends TokenVerifier {
  override readonly issuers: readonly string[];
  override readonly jwks: readonly JwksCache[];
  readonly #keys: JwksCache;
  readonly #types: readonly string[];

  constructor(
    private readonly issuer: OpenIdIssuer,
    private readonly dependencies: VerifierDependencies,
  ) {
    super();
    this.#keys = new JwksCache(
      issuer.metadataUrl,
      { isIssuer: (published) => published === issuer.issuer, algorithms: issuer.algorithms },
      dependencies.keys,
    );
    this.jwks = [this.#keys];
    this.issuers = [issuer.issuer];
    this.#types = issuer.tokenTypes.map(mediaType);
  }

  override isFor({ claims }: UnverifiedJwt): boolean {
    return claims.iss === this.issuer.issuer;
  }

  override async verify(token: UnverifiedJwt): Promise<Principal> {
    const { algorithms, tokenTypes } = this.issuer;
    if (!algorithms.some((algorithm) => algorithm === token.algorithm))
      throw mismatch('algorithm-not-allowed', algorithms, token.algorithm);
    if (!this.#types.includes(mediaType(token.type)))
      throw mismatch('type-not-allowed', tokenTypes, token.type);
    const claims = readClaims(token.claims);
    requireAccessToken(claims, token.type, this.issuer);
    const { iat, nbf = iat, exp } = claims;
    const { skewSeconds, keys } = this.dependencies;
    const maxLifetimeSeconds = this.issuer.maximumLifetimeHours * 3600;
    checkTimeClaims(
      { iat, nbf, exp },
      { nowMs: keys.clock.now(), skewSeconds, maxLifetimeSeconds },
    );
    const audiences = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
    if (!audiences.some((one) => this.issuer.audiences.includes(canonicalAudience(one))))
      throw mismatch('audience', this.issuer.audiences, claims.aud);
    const principal = this.#principalOf(claims);
    await this.#verifySignature(token);
    return principal;
  }

  async #verifySignature(token: UnverifiedJwt): Promise<void> {
    const { keyId, algorithm } = token;
    const key = await this.#keys.find(keyId, algorithm);
    if (key === undefined) throw this.#keyUnknown(token);
    if (keyId !== undefined) return this.#verifyWith(key, token);
    try {
      await this.#verifyWith(key, token);
    } catch (error) {
      if (!(error instanceof TokenRejected)) throw error;
      // Nothing but its signatures shows that the only key was replaced.
      const replacement = await this.#keys.find(keyId, algorithm, key);
      if (replacement === undefined) throw error;
      await this.#verifyWith(replacement, token);
    }
  }

  #keyUnknown({ keyId, algorithm }: UnverifiedJwt): TokenRejected {
    const { discoveryUrl } = this.#keys;
    return keyId === undefined
      ? mismatch('key-unknown', `a kid, or one ${algorithm} key of ${discoveryUrl}`, 'no kid')
      : mismatch('key-unknown', `a key of ${discoveryUrl}`, `${algorithm} ${keyId}`);
  }

  async #verifyWith({ publicKey }: SigningKey, { text, algorithm }: UnverifiedJwt): Promise<void> {
    const { issuer } = this.issuer;
    try {
      await jwtVerify(text, publicKey, {
        algorithms: [algorithm],
        issuer,
        currentDate: new Date(this.dependencies.keys.clock.now()),
        clockTolerance: this.dependencies.skewSeconds,
      });
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new TokenRejected('signature', error.code);
      throw error;
    }
  }

  #principalOf(claims: Claims): Principal {
    const { issuer } = this;
    const clientApp = clientAppOf(claims, issuer);
    const isListed = clientApp !== undefined && issuer.clientApps.includes(clientApp);
    if (issuer.clientApps.length > 0 && !isListed)
      throw mismatch('client-app-not-allowed', issuer.clientApps, clientApp, clientApp);
    const subject = nameClaim(claims, issuer.subjectClaim);
    if (subject === undefined) throw new TokenRejected('claims-malformed', issuer.subjectClaim);
    const isService = isOfApplication(claims, issuer);
    const isBot = clientApp !== undefined && issuer.botClientApps.includes(clientApp);
    const tokenId = textClaim(claims, issuer.tokenIdClaim);
    const displayName = textClaim(claims, issuer.displayNameClaim);
    return {
      kind: isService ? (isBot ? 'bot' : 'service') : 'user',
      issuer: claims.iss,
      tenant: this.#tenantOf(claims),
      subject,
      permissions: this.#permissionsOf(claims, isService),
      isGuest: isService ? false : this.#isGuest(claims),
      ...(clientApp !== undefined && { clientApp }),
      ...(tokenId !== undefined && { tokenId }),
      ...(displayName !== undefined && { displayName }),
    };
  }

  /** @returns `undefined` when neither the token nor the settings say it, or the claim is of another type */
  #isGuest(claims: Claims): boolean | undefined {
    const { guestWhen } = this.issuer;
    const isGuest = guestWhen && conditionState(guestWhen, claims);
    return isGuest === 'unknown' ? undefined : isGuest;
  }

  #tenantOf(claims: Claims): CanonicalName {
    const { tenant } = this.issuer;
    if (typeof tenant === 'string') return tenant;
    const claimed = nameClaim(claims, tenant.claim);
    if (claimed === undefined || !tenant.allowed.includes(claimed))
      throw mismatch('tenant-not-allowed', tenant.allowed, claimed);
    return claimed;
  }

  #permissionsOf(claims: Claims, isApp: boolean): readonly string[] {
    const { claims: names, personClaims } = this.issuer.permissions;
    const client = this.#namesIn(
      claims,
      names.filter((claim) => !personClaims.includes(claim)),
    );
    const person = this.#namesIn(claims, personClaims);
    // An application is its own person.
    if (isApp) return ownPermissions([...client, ...person]);
    return delegatedPermissions({ client, person });
  }

  /** The names in some claims, translated to those of this service. */
  #namesIn(claims: Claims, claimNames: readonly string[]): string[] {
    const { names: translations } = this.issuer.permissions;
    return claimNames
      .flatMap((claim) => namesIn(Object.hasOwn(claims, claim) ? claims[claim] : undefined, claim))
      .map((own) => (Object.hasOwn(translations, own) ? translations[own] : own))
      .filter((permission) => permission !== undefined);
  }
}
