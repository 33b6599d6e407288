import { compactVerify, errors } from 'jose';
import { TokenRejected } from '../errors.js';
import type { IssuerKey } from './jwks-cache.js';

/** Verifies the signature of a JWT whose header and claims are checked already. */
export interface SignatureVerifier {
  /**
   * @param token compact serialization
   * @throws TokenRejected
   */
  verify(token: string, key: IssuerKey): Promise<void>;
}

/** Verifies with `jose`. */
export class JoseSignatureVerifier implements SignatureVerifier {
  async verify(token: string, { key }: IssuerKey): Promise<void> {
    try {
      await compactVerify(token, key.publicKey, { algorithms: ['RS256'] });
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new TokenRejected('signature', error.code);
      throw error;
    }
  }
}
