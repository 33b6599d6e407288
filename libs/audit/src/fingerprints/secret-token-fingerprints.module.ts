import { Global, Module } from '@nestjs/common';
import { SecretTokenFingerprints } from './secret-token-fingerprints.js';
import { TokenFingerprints } from './token-fingerprints.js';

/** Binds `TokenFingerprints` to an HMAC whose key is a secret of the `SecretStore`. */
@Global()
@Module({
  providers: [{ provide: TokenFingerprints, useClass: SecretTokenFingerprints }],
  exports: [TokenFingerprints],
})
export class SecretTokenFingerprintsModule {}
