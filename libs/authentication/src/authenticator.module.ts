import {
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Clock, Logger, ReadinessChecks } from '#libs/platform';
import { AppServiceAuthenticator } from './app-service/app-service-authenticator.js';
import { Authenticator } from './bearer/authenticator.js';
import { BearerAuthenticator } from './bearer/bearer-authenticator.js';
import type { TokenVerifier } from './bearer/token-verifier.js';
import { verifiersFor } from './bearer/verifiers.js';
import { MetadataSource } from './keys/metadata-source.js';
import { authenticationSettings, type AuthenticationSettings } from './settings.js';

const VERIFIERS = Symbol('verifiers of tokens');

/** Binds `Authenticator` to bearer tokens of the trusted issuers, or to App Service sign-in. */
@Global()
@Module({
  providers: [
    {
      provide: VERIFIERS,
      inject: [authenticationSettings.key, MetadataSource, Clock, Logger],
      useFactory: (
        settings: AuthenticationSettings,
        source: MetadataSource,
        clock: Clock,
        logger: Logger,
      ) => verifiersFor(settings, { source, clock, logger }),
    },
    {
      provide: Authenticator,
      inject: [authenticationSettings.key, VERIFIERS],
      useFactory: authenticatorFor,
    },
  ],
  exports: [Authenticator],
})
export class AuthenticatorModule implements OnApplicationBootstrap, OnModuleDestroy {
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
          : { isReady: false, reason: 'signing keys could not be loaded' },
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
  if (entra === undefined) throw new Error('app-service mode needs the settings of Entra');
  return new AppServiceAuthenticator(entra);
}
