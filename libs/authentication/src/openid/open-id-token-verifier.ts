import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { isPermission } from '../access/permission.js';
import { type CanonicalName, canonicalName, type Principal } from '#libs/platform';
import { rejectIf, TokenRejected } from '../errors.js';
import type { UnverifiedJwt } from '../jwt/parse-jwt.js';
import { checkTimeClaims } from '../jwt/time-claims.js';
import { TokenVerifier, type VerifierDependencies } from '../jwt/token-verifier.js';
import { JwksCache } from '../keys/jwks-cache.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';

const instantSeconds = z.int().positive().max(253_402_300_799);
const name = z.string().min(1).max(256);

/** Claims with fixed names. Those with configured names are read one by one. */
const requiredClaims = z.looseObject({
  iss: z.string(),
  aud: z.union([name, z.array(name).min(1).max(16)]),
  iat: instantSeconds,
  nbf: instantSeconds.optional(),
  exp: instantSeconds,
  nonce: z.never().optional(),
});

type Claims = z.output<typeof requiredClaims>;

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
    const isService = isFulfilled(issuer.serviceWhen, claims);
    const isBot = clientApp !== undefined && issuer.botClientApps.includes(clientApp);
    const tokenId = textClaim(claims, issuer.tokenIdClaim);
    const displayName = textClaim(claims, issuer.displayNameClaim);
    return {
      kind: isService ? (isBot ? 'bot' : 'service') : 'user',
      issuer: claims.iss,
      tenant: this.#tenantOf(claims),
      subject,
      permissions: this.#permissionsOf(claims),
      isGuest: issuer.guestWhen !== undefined && isFulfilled(issuer.guestWhen, claims),
      ...(clientApp !== undefined && { clientApp }),
      ...(tokenId !== undefined && { tokenId }),
      ...(displayName !== undefined && { displayName }),
    };
  }

  #tenantOf(claims: Claims): CanonicalName {
    const { tenant } = this.issuer;
    if (typeof tenant === 'string') return tenant;
    const claimed = nameClaim(claims, tenant.claim);
    if (claimed === undefined || !tenant.allowed.includes(claimed))
      throw new TokenRejected('tenant-not-allowed');
    return claimed;
  }

  #permissionsOf(claims: Claims): string[] {
    const { claims: claimNames, names: translations } = this.issuer.permissions;
    const granted = claimNames
      .flatMap((claim) => namesIn(claims[claim], claim))
      .map((own) => (Object.hasOwn(translations, own) ? translations[own] : own))
      .filter((permission) => permission !== undefined);
    return [...new Set(granted)].filter(isPermission);
  }
}

function readClaims(unverified: unknown): Claims {
  const { data, error } = requiredClaims.safeParse(unverified);
  if (data !== undefined) return data;
  const names = error.issues.map(({ path }) => String(path[0]));
  // Only ID tokens have a nonce.
  if (names.includes('nonce')) throw new TokenRejected('not-an-access-token', 'nonce');
  throw new TokenRejected('claims-malformed', names.join(' '));
}

/** @throws TokenRejected when the claim is present and no text of 1 to 256 characters */
function textClaim(claims: Claims, claim: string): string | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > 256)
    throw new TokenRejected('claims-malformed', claim);
  return value;
}

/** As `textClaim`, in the canonical form. */
function nameClaim(claims: Claims, claim: string): CanonicalName | undefined {
  const value = textClaim(claims, claim);
  return value === undefined ? undefined : canonicalName(value);
}

/** @throws TokenRejected when the claim is neither a text nor a list of texts */
function namesIn(value: unknown, claim: string): string[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return value.split(' ');
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (!isList) throw new TokenRejected('claims-malformed', claim);
  return value;
}

function isFulfilled({ claim, equals }: OpenIdIssuer['serviceWhen'], claims: Claims): boolean {
  return Object.hasOwn(claims, claim) && comparable(claims[claim]) === comparable(equals);
}

function comparable(value: unknown): unknown {
  return typeof value === 'string' ? canonicalName(value) : value;
}
