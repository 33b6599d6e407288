import type { UnverifiedJwt } from './parse-jwt.js';
import type { JwksCacheDependencies } from '../keys/jwks-cache.js';
import type { Permission } from '../access/permission.js';
import type { Principal } from '../access/principal.js';

/** What verifying tokens depends on, besides the issuer. */
export interface VerifierDependencies {
  /** By how much clocks may differ. */
  readonly skewSeconds: number;
  readonly keys: JwksCacheDependencies;
}

/** Tells who stands behind tokens of the issuers that it knows. */
export abstract class TokenVerifier {
  /** Whether the token claims to come from one of them. Nothing is verified yet. */
  abstract isFor(token: UnverifiedJwt): boolean;

  /**
   * @param sought the permission that the caller is about to use
   * @throws TokenRejected when the token is no good
   * @throws ClaimsRequired when the token is good and its claims don't suffice for the permission
   * @throws IdentityProviderUnavailable when that can't be told
   */
  abstract verify(token: UnverifiedJwt, sought?: Permission): Promise<Principal>;

  /** Whether tokens could be verified now. */
  abstract get isReady(): boolean;

  /** Keeps the issuers' keys fresh until the signal aborts. Never rejects. */
  abstract keepFresh(signal: AbortSignal): Promise<void>;
}
