import type { CompactToken } from './compact-token.js';
import type { KeySurroundings } from './issuer-keys.js';
import type { Permission } from './permission.js';
import type { Principal } from './principal.js';

/** What verifying tokens depends on, besides the issuer. */
export interface VerifierSurroundings {
  /** By how much clocks may differ. */
  readonly skewSeconds: number;
  readonly keys: KeySurroundings;
}

/** Tells who stands behind tokens of the issuers that it knows. */
export abstract class TokenVerifier {
  /** Whether the token claims to come from one of them. Nothing is verified yet. */
  abstract isFor(token: CompactToken): boolean;

  /**
   * @param sought the permission that the caller is about to use
   * @throws TokenRefused when the token is no good
   * @throws ClaimsRequired when the token is good and its claims don't suffice for the permission
   * @throws IdentityProviderUnavailable when that can't be told
   */
  abstract verify(token: CompactToken, sought?: Permission): Promise<Principal>;

  /** Whether tokens could be verified now. */
  abstract get isReady(): boolean;

  /** Keeps the issuers' keys fresh until the signal aborts. Never rejects. */
  abstract keepFresh(signal: AbortSignal): Promise<void>;
}
