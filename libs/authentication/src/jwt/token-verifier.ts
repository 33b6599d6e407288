import type { Permission } from '../access/permission.js';
import type { Principal } from '#libs/platform';
import type { JwksCache, JwksCacheDependencies } from '../keys/jwks-cache.js';
import type { UnverifiedJwt } from './parse-jwt.js';

/** What every verifier needs, whatever the issuer. */
export interface VerifierDependencies {
  /** Tolerated difference between the clocks of issuer and service. */
  readonly skewSeconds: number;
  readonly keys: JwksCacheDependencies;
  /** The signing keys that verifiers of Entra tokens share, by the address of their discovery document. */
  readonly entraKeys?: Map<string, JwksCache>;
}

/** Verifies the access tokens of one or more issuers. */
export abstract class TokenVerifier {
  /** The trusted issuers, for operators. */
  abstract readonly issuers: readonly string[];

  /** The signing keys of the issuers. */
  abstract readonly jwks: readonly JwksCache[];

  /** Whether the token claims to be from one of these issuers. */
  abstract isFor(token: UnverifiedJwt): boolean;

  /**
   * @param requiredPermission the permission of the route
   * @throws TokenRejected when the token is invalid
   * @throws ClaimsChallenge when the token is valid and lacks claims that the permission requires
   * @throws IdentityProviderUnavailable when the signing keys can't be loaded
   */
  abstract verify(token: UnverifiedJwt, requiredPermission?: Permission): Promise<Principal>;
}
