import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { type UnverifiedJwt, rejectIf } from '../jwt/parse-jwt.js';
import { JwksCache } from '../keys/jwks-cache.js';
import { isPermission } from '../access/permission.js';
import type { Principal } from '../access/principal.js';
import { checkTimeClaims } from '../jwt/time-claims.js';
import { TokenRejected } from '../bearer/token-refused.js';
import { TokenVerifier, type VerifierDependencies } from '../jwt/token-verifier.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';

const instantSeconds = z.int().positive().max(253_402_300_799);
const name = z.string().min(1).max(256);

/** What every access token has; claims with configured names are read one by one. */
const requiredClaims = z.looseObject({
  iss: z.string(),
  aud: z.union([name, z.array(name).min(1).max(16)]),
  iat: instantSeconds,
  nbf: instantSeconds.optional(),
  exp: instantSeconds,
  nonce: z.never().optional(),
});

type Claims = z.output<typeof requiredClaims>;

/** Verifies access tokens of one OpenID provider with `jose`, and maps its claims. */
export class OpenIdTokenVerifier extends TokenVerifier {
  readonly #keys: JwksCache;

  constructor(
    private readonly issuer: OpenIdIssuer,
    private readonly surroundings: VerifierDependencies,
  ) {
    super();
    this.#keys = new JwksCache(
      issuer.metadataUrl ?? `${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      (published) => published === issuer.issuer,
      surroundings.keys,
    );
  }

  override isFor({ claims }: UnverifiedJwt): boolean {
    return claims.iss === this.issuer.issuer;
  }

  override get isReady(): boolean {
    return this.#keys.areUsable;
  }

  override async keepFresh(signal: AbortSignal): Promise<void> {
    await this.#keys.keepFresh(signal);
  }

  override async verify(token: UnverifiedJwt): Promise<Principal> {
    rejectIf(token.algorithm !== 'RS256', 'algorithm-not-allowed');
    rejectIf(!this.issuer.tokenTypes.includes(token.type ?? ''), 'type-not-allowed');
    const claims = readClaims(token.claims);
    const { iat, nbf = iat, exp } = claims;
    const { skewSeconds, keys } = this.surroundings;
    const longestSeconds = this.issuer.maximumLifetimeHours * 3600;
    checkTimeClaims({ iat, nbf, exp }, { nowMs: keys.clock.now(), skewSeconds, longestSeconds });
    const audiences = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
    rejectIf(!audiences.some((audience) => this.issuer.audiences.includes(audience)), 'audience');
    const principal = this.#principalOf(claims);
    await this.#verifySignature(token);
    return principal;
  }

  async #verifySignature({ text, keyId }: UnverifiedJwt): Promise<void> {
    const key = await this.#keys.find(keyId);
    if (key === undefined) throw new TokenRejected('key-unknown');
    const { issuer, audiences } = this.issuer;
    try {
      await jwtVerify(text, key.key, {
        algorithms: ['RS256'],
        issuer,
        audience: [...audiences],
        currentDate: new Date(this.surroundings.keys.clock.now()),
        clockTolerance: this.surroundings.skewSeconds,
      });
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new TokenRejected('signature', error.code);
      throw error;
    }
  }

  #principalOf(claims: Claims): Principal {
    const { issuer } = this;
    const clientApp = textOf(claims, issuer.clientAppClaim);
    const isListed = clientApp !== undefined && issuer.clientApps.includes(clientApp);
    rejectIf(issuer.clientApps.length > 0 && !isListed, 'client-app-not-allowed', clientApp);
    const subject = textOf(claims, issuer.subjectClaim);
    if (subject === undefined) throw new TokenRejected('claims-malformed', issuer.subjectClaim);
    const isService = holds(claims, issuer.serviceWhen);
    const isBot = clientApp !== undefined && issuer.botClientApps.includes(clientApp);
    const tokenId = textOf(claims, issuer.tokenIdClaim);
    const displayName = textOf(claims, issuer.displayNameClaim);
    return {
      kind: isService ? (isBot ? 'bot' : 'service') : 'user',
      issuer: claims.iss,
      tenant: this.#tenantOf(claims),
      subject,
      permissions: this.#permissionsOf(claims),
      isGuest: issuer.guestWhen !== undefined && holds(claims, issuer.guestWhen),
      ...(clientApp !== undefined && { clientApp }),
      ...(tokenId !== undefined && { tokenId }),
      ...(displayName !== undefined && { displayName }),
    };
  }

  #tenantOf(claims: Claims): string {
    const { tenant } = this.issuer;
    if (typeof tenant === 'string') return tenant;
    const named = textOf(claims, tenant.claim);
    if (named === undefined || !tenant.allowed.includes(named))
      throw new TokenRejected('tenant-not-allowed');
    return named;
  }

  #permissionsOf(claims: Claims): string[] {
    const { claims: names, names: meanings } = this.issuer.permissions;
    const granted = names.flatMap((claim) => namesIn(claims[claim], claim));
    const known = granted.map((own) => (Object.hasOwn(meanings, own) ? meanings[own] : own));
    return [...new Set(known.filter((permission) => permission !== undefined))].filter(
      isPermission,
    );
  }
}

function readClaims(unverified: unknown): Claims {
  const { data, error } = requiredClaims.safeParse(unverified);
  if (data !== undefined) return data;
  const names = error.issues.map(({ path }) => String(path[0]));
  if (names.includes('nonce')) throw new TokenRejected('not-an-access-token', 'nonce');
  throw new TokenRejected('claims-malformed', names.join(' '));
}

/** @throws TokenRejected when the claim is there and no text */
function textOf(claims: Claims, claim: string): string | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > 256)
    throw new TokenRejected('claims-malformed', claim);
  return value;
}

/** @throws TokenRejected when the claim is neither a text nor a list of texts */
function namesIn(value: unknown, claim: string): string[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return value.split(' ');
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (!isList) throw new TokenRejected('claims-malformed', claim);
  return value;
}

function holds(claims: Claims, { claim, equals }: OpenIdIssuer['serviceWhen']): boolean {
  return Object.hasOwn(claims, claim) && claims[claim] === equals;
}
