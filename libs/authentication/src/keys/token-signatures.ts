import type { Signer } from './issuer-keys.js';

/** Verifies a token's signature. Its claims and times were checked before. */
export interface TokenSignatures {
  /**
   * @param token compact form
   * @throws TokenRejected
   */
  verify(token: string, signer: Signer): Promise<void>;
}
