import {
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Clock, Logger, ReadinessChecks } from '#libs/platform';
import { AppServiceAuthenticator } from './app-service/app-service-authenticator.js';
import { Authenticator } from './http/authenticator.js';
import { BearerAuthenticator } from './http/bearer-authenticator.js';
import type { TokenVerifier } from './jwt/token-verifier.js';
import { createTokenVerifiers } from './create-token-verifiers.js';
import type { JwksCache } from './keys/jwks-cache.js';
import { MetadataSource } from './keys/metadata-source.js';
import { authenticationSettings, type AuthenticationSettings } from './settings.js';

const VERIFIERS = Symbol('token verifiers');

/** Binds `Authenticator` to bearer tokens of the configured issuers, or to App Service. */
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
      ) => createTokenVerifiers(settings, { source, clock, logger }),
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
  readonly #jwks: readonly JwksCache[];

  constructor(
    @Inject(VERIFIERS) verifiers: readonly TokenVerifier[],
    private readonly readiness: ReadinessChecks,
  ) {
    this.#jwks = verifiers.flatMap(({ jwks }) => jwks);
  }

  onApplicationBootstrap(): void {
    for (const keys of this.#jwks) keys.start();
    this.readiness.register('identity provider', async () =>
      Promise.resolve(
        this.#jwks.every(({ isReady }) => isReady)
          ? { isReady: true }
          : { isReady: false, reason: 'signing keys could not be loaded' },
      ),
    );
  }

  onModuleDestroy(): void {
    // Not awaited: a load in flight has no effect that shutdown must wait for.
    for (const keys of this.#jwks) void keys.stop();
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
