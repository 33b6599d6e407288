import { Global, Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { PostgresTokenQuota } from './postgres-token-quota.js';
import { TokenQuota } from './token-quota.js';

/** Binds `TokenQuota` to PostgreSQL. */
@Global()
@Module({
  imports: [DatabaseModule],
  providers: [{ provide: TokenQuota, useClass: PostgresTokenQuota }],
  exports: [TokenQuota],
})
export class PostgresTokenQuotaModule {}
