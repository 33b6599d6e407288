import type { IssuerKey } from './jwks-cache.js';

/** Verifies a token's signature. Its claims and times were checked before. */
export interface SignatureVerifier {
  /**
   * @param token compact form
   * @throws TokenRejected
   */
  verify(token: string, signer: IssuerKey): Promise<void>;
}
