import { Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { Clock, Logger, ReadinessChecks } from '#libs/platform';
import { AuthenticationGuard } from './authentication.guard.js';
import { authenticationSettings, type AuthenticationSettings } from './authentication-settings.js';
import { Authenticator } from './authenticator.js';
import { BearerAuthenticator } from './bearer-authenticator.js';
import { EntraTokenVerifier } from './entra-token-verifier.js';
import { HttpsMetadataSource } from './https-metadata-source.js';
import { MetadataSource } from './metadata-source.js';
import { RefusalLog } from './refusal-log.js';
import { RequestContexts } from './request-contexts.js';
import { TokenVerifier } from './token-verifier.js';

/** Who is calling, and whether they may. */
@Module({
  imports: [AuditModule],
  providers: [
    { provide: MetadataSource, useClass: HttpsMetadataSource },
    {
      provide: TokenVerifier,
      inject: [authenticationSettings.key, MetadataSource, Clock, Logger],
      useFactory: (
        settings: AuthenticationSettings,
        source: MetadataSource,
        clock: Clock,
        logger: Logger,
      ) => new EntraTokenVerifier(settings, source, clock, logger),
    },
    {
      provide: Authenticator,
      inject: [TokenVerifier],
      useFactory: (verifier: TokenVerifier) => new BearerAuthenticator([verifier]),
    },
    RequestContexts,
    RefusalLog,
    AuthenticationGuard,
  ],
  exports: [AuthenticationGuard, RequestContexts],
})
export class AuthenticationModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();

  constructor(
    private readonly verifier: TokenVerifier,
    private readonly readiness: ReadinessChecks,
  ) {}

  onApplicationBootstrap(): void {
    void this.verifier.keepFresh(this.#stop.signal);
    this.readiness.register('identity provider', async () =>
      Promise.resolve(
        this.verifier.isReady
          ? { isReady: true }
          : { isReady: false, reason: 'signing keys could not be loaded' },
      ),
    );
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }
}
