import { Global, Module } from '@nestjs/common';
import { SecretReads } from './secret-reads.js';

/** The events that a secret store emits for each secret it reads. The audit log subscribes. */
@Global()
@Module({ providers: [SecretReads], exports: [SecretReads] })
export class SecretsModule {}
