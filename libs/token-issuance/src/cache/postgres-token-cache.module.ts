import { Global, Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { IssuanceMetricsModule } from '../metrics.js';
import { EnvelopeEncryption } from './envelope-encryption.js';
import { PostgresTokenCache } from './postgres-token-cache.js';
import { TokenCache } from './token-cache.js';

/** Binds `TokenCache` to PostgreSQL, with the tokens encrypted. */
@Global()
@Module({
  imports: [DatabaseModule, IssuanceMetricsModule],
  providers: [EnvelopeEncryption, { provide: TokenCache, useClass: PostgresTokenCache }],
  exports: [TokenCache],
})
export class PostgresTokenCacheModule {}
