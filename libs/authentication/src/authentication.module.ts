import { Module } from '@nestjs/common';
import { AuthenticationGuard } from './http/authentication.guard.js';
import { RequestContexts } from './http/request-contexts.js';
import { DenialAggregator } from './rate-limit/denial-aggregator.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';

/** Guards routes: who is calling, and whether they may. `AuthenticatorModule` checks the credentials. */
@Module({
  providers: [RequestContexts, RateLimiter, DenialAggregator, AuthenticationGuard],
  exports: [AuthenticationGuard, RequestContexts],
})
export class AuthenticationModule {}
