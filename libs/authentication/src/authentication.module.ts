import { Module } from '@nestjs/common';
import { DenialAuditor } from './audit/denial-auditor.js';
import { RefusalLog } from './audit/refusal-log.js';
import { AuthenticationGuard } from './http/authentication.guard.js';
import { RequestContexts } from './http/request-contexts.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';

/** The guard of routes. Needs `AuthenticatorModule` and a `RateLimitStore`. */
@Module({
  providers: [RequestContexts, RateLimiter, DenialAuditor, RefusalLog, AuthenticationGuard],
  exports: [AuthenticationGuard, RequestContexts],
})
export class AuthenticationModule {}
