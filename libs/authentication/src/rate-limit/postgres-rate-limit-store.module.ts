import { Global, Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { PostgresRateLimitStore } from './postgres-rate-limit-store.js';
import { RateLimitStore } from './rate-limit-store.js';

/** Binds `RateLimitStore` to PostgreSQL. */
@Global()
@Module({
  imports: [DatabaseModule],
  providers: [{ provide: RateLimitStore, useClass: PostgresRateLimitStore }],
  exports: [RateLimitStore],
})
export class PostgresRateLimitStoreModule {}
