import { compactVerify, errors } from 'jose';
import type { Signer } from './issuer-keys.js';
import { TokenRejected } from '../bearer/token-refused.js';
import type { TokenSignatures } from './token-signatures.js';

/** The way off `passport-azure-ad`: the signature by `jose`; all else was checked before. */
export class JoseSignatures implements TokenSignatures {
  async verify(token: string, { key }: Signer): Promise<void> {
    try {
      await compactVerify(token, key.key, { algorithms: ['RS256'] });
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new TokenRejected('signature', error.code);
      throw error;
    }
  }
}
