import { compactVerify, errors } from 'jose';
import type { IssuerKey } from './jwks-cache.js';
import { TokenRejected } from '../bearer/token-refused.js';
import type { SignatureVerifier } from './signature-verifier.js';

/** The way off `passport-azure-ad`: the signature by `jose`; all else was checked before. */
export class JoseSignatureVerifier implements SignatureVerifier {
  async verify(token: string, { key }: IssuerKey): Promise<void> {
    try {
      await compactVerify(token, key.key, { algorithms: ['RS256'] });
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new TokenRejected('signature', error.code);
      throw error;
    }
  }
}
