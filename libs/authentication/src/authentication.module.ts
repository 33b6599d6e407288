import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { Clock, DatabaseModule, Logger, ReadinessChecks } from '#libs/platform';
import { AppServiceAuthenticator } from './app-service/app-service-authenticator.js';
import { AuthenticationGuard } from './http/authentication.guard.js';
import { authenticationSettings, type AuthenticationSettings } from './settings.js';
import { Authenticator } from './http/authenticator.js';
import { BearerAuthenticator } from './http/bearer-authenticator.js';
import { DenialAggregator } from './denials/denial-aggregator.js';
import { HttpsMetadataSource } from './keys/https-metadata-source.js';
import { MetadataSource } from './keys/metadata-source.js';
import { PostgresRateLimitStore } from './rate-limit/postgres-rate-limit-store.js';
import { RequestContexts } from './http/request-contexts.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import type { TokenVerifier } from './jwt/token-verifier.js';
import { RateLimitStore } from './rate-limit/rate-limit-store.js';
import { createTokenVerifiers } from './create-token-verifiers.js';

const VERIFIERS = Symbol('token verifiers');

/** Authenticates, limits and authorizes the callers of routes. */
@Module({
  imports: [AuditModule, DatabaseModule],
  providers: [
    { provide: MetadataSource, useClass: HttpsMetadataSource },
    { provide: RateLimitStore, useClass: PostgresRateLimitStore },
    {
      provide: VERIFIERS,
      inject: [authenticationSettings.key, MetadataSource, Clock, Logger],
      useFactory: (
        settings: AuthenticationSettings,
        source: MetadataSource,
        clock: Clock,
        logger: Logger,
      ) => createTokenVerifiers(settings, { source, clock, logger }),
    },
    {
      provide: Authenticator,
      inject: [authenticationSettings.key, VERIFIERS],
      useFactory: authenticatorFor,
    },
    RequestContexts,
    RateLimiter,
    DenialAggregator,
    AuthenticationGuard,
  ],
  exports: [AuthenticationGuard, RequestContexts],
})
export class AuthenticationModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();

  constructor(
    @Inject(VERIFIERS) private readonly verifiers: readonly TokenVerifier[],
    private readonly readiness: ReadinessChecks,
  ) {}

  onApplicationBootstrap(): void {
    for (const verifier of this.verifiers) void verifier.keepFresh(this.#stop.signal);
    this.readiness.register('identity provider', async () =>
      Promise.resolve(
        this.verifiers.every(({ isReady }) => isReady)
          ? { isReady: true }
          : { isReady: false, reason: 'signing keys are not loaded' },
      ),
    );
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }
}

function authenticatorFor(
  { mode, entra }: AuthenticationSettings,
  verifiers: readonly TokenVerifier[],
): Authenticator {
  if (mode === 'bearer') return new BearerAuthenticator(verifiers);
  if (entra === undefined) throw new Error('app-service mode requires the settings of Entra');
  return new AppServiceAuthenticator(entra);
}
