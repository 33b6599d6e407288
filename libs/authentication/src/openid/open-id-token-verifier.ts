import { errors, jwtVerify } from 'jose';
import { delegatedPermissions, ownPermissions } from '../access/granted-permissions.js';
import { type CanonicalName, canonicalName, type Principal } from '#libs/platform';
import { rejectIf, TokenRejected } from '../errors.js';
import type { UnverifiedJwt } from '../jwt/parse-jwt.js';
import { checkTimeClaims } from '../jwt/time-claims.js';
import { TokenVerifier, type VerifierDependencies } from '../jwt/token-verifier.js';
import { JwksCache } from '../keys/jwks-cache.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { requireAccessToken } from './access-token-proof.js';
import { type Claims, isFulfilled, nameClaim, namesIn, readClaims, textClaim } from './claims.js';
import { isOfApplication } from './client-credentials.js';

/** Verifies JWT access tokens (RFC 9068) of one OpenID provider with `jose`. */
export class OpenIdTokenVerifier extends TokenVerifier {
  override readonly jwks: readonly JwksCache[];
  readonly #keys: JwksCache;

  constructor(
    private readonly issuer: OpenIdIssuer,
    private readonly dependencies: VerifierDependencies,
  ) {
    super();
    this.#keys = new JwksCache(
      issuer.metadataUrl ?? `${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      (published) => published === issuer.issuer,
      dependencies.keys,
    );
    this.jwks = [this.#keys];
  }

  override isFor({ claims }: UnverifiedJwt): boolean {
    return claims.iss === this.issuer.issuer;
  }

  override async verify(token: UnverifiedJwt): Promise<Principal> {
    rejectIf(token.algorithm !== 'RS256', 'algorithm-not-allowed');
    rejectIf(!this.issuer.tokenTypes.includes(token.type ?? ''), 'type-not-allowed');
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
    const isMeant = audiences.some((one) => this.issuer.audiences.includes(canonicalName(one)));
    rejectIf(!isMeant, 'audience');
    const principal = this.#principalOf(claims);
    await this.#verifySignature(token);
    return principal;
  }

  async #verifySignature({ text, keyId }: UnverifiedJwt): Promise<void> {
    const key = await this.#keys.find(keyId);
    if (key === undefined) throw new TokenRejected('key-unknown');
    const { issuer } = this.issuer;
    try {
      await jwtVerify(text, key.publicKey, {
        algorithms: ['RS256'],
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
    const clientApp = nameClaim(claims, issuer.clientAppClaim);
    const isListed = clientApp !== undefined && issuer.clientApps.includes(clientApp);
    rejectIf(issuer.clientApps.length > 0 && !isListed, 'client-app-not-allowed', clientApp);
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

  /** @returns `undefined` when neither the token nor the settings say it */
  #isGuest(claims: Claims): boolean | undefined {
    const { guestWhen } = this.issuer;
    if (!guestWhen || claims[guestWhen.claim] === undefined) return undefined;
    return isFulfilled(guestWhen, claims);
  }

  #tenantOf(claims: Claims): CanonicalName {
    const { tenant } = this.issuer;
    if (typeof tenant === 'string') return tenant;
    const claimed = nameClaim(claims, tenant.claim);
    if (claimed === undefined || !tenant.allowed.includes(claimed))
      throw new TokenRejected('tenant-not-allowed');
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
