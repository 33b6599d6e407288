import {
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { Clock, Logger, type ReadinessAnswer, ReadinessChecks } from '#libs/platform';
import { BuiltInAuthenticator, MissingPrincipals } from './built-in/built-in-authenticator.js';
import { Authenticator } from './http/authenticator.js';
import { BearerAuthenticator } from './http/bearer-authenticator.js';
import { ClientExchangeAuthenticators } from './http/client-exchange-authenticators.js';
import { createAllTokenVerifiers, type TokenVerifiers } from './create-token-verifiers.js';
import type { JwksCache } from './keys/jwks-cache.js';
import { MetadataSource } from './keys/metadata-source.js';
import { authenticationSettings, type AuthenticationSettings } from './settings.js';

const VERIFIERS = Symbol('token verifiers');

/** Binds `Authenticator` to bearer tokens of the configured issuers, or to the platform's. */
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
      ) => createAllTokenVerifiers(settings, { source, clock, logger }),
    },
    {
      provide: Authenticator,
      inject: [authenticationSettings.key, VERIFIERS, Registry],
      useFactory: authenticatorFor,
    },
    {
      provide: ClientExchangeAuthenticators,
      inject: [VERIFIERS],
      useFactory: ({ byExchange }: TokenVerifiers) => new ClientExchangeAuthenticators(byExchange),
    },
  ],
  exports: [Authenticator, ClientExchangeAuthenticators],
})
export class AuthenticatorModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #jwks: readonly JwksCache[];
  readonly #usable: Gauge<'issuer'>;

  constructor(
    @Inject(VERIFIERS) { own, byExchange }: TokenVerifiers,
    private readonly readiness: ReadinessChecks,
    @Inject(Registry) registry: Registry,
  ) {
    const verifiers = [...own, ...[...byExchange.values()].flat()];
    this.#jwks = [...new Set(verifiers.flatMap(({ jwks }) => jwks))]; // verifiers of one issuer share them
    this.#usable = new Gauge({
      name: 'authentication_issuer_keys_usable',
      help: '1 if usable signing keys of the issuer are cached; 0 means that its tokens are refused with 503',
      labelNames: ['issuer'],
      registers: [registry],
    });
  }

  onApplicationBootstrap(): void {
    for (const keys of this.#jwks) keys.start();
    if (this.#jwks.length > 0) {
      this.readiness.register('identity provider', async () => Promise.resolve(this.#readiness()));
    }
  }

  /**
   * One issuer with keys suffices: callers of the others get 503 until their issuer answers. Without
   * any keys no caller could be served.
   */
  #readiness(): ReadinessAnswer {
    const failed = this.#jwks.filter(({ isReady }) => !isReady);
    for (const keys of this.#jwks) {
      this.#usable.set({ issuer: keys.discoveryUrl }, keys.isReady ? 1 : 0);
    }
    if (failed.length === 0) return { isReady: true };
    const urls = failed.map(({ discoveryUrl }) => discoveryUrl).join(', ');
    const reason = `no signing keys of ${urls}`;
    if (failed.length === this.#jwks.length) return { isReady: false, reason };
    return { isReady: true, degradation: `${reason}; their tokens are refused with 503` };
  }

  onModuleDestroy(): void {
    // Not awaited: a load in flight has no effect that shutdown must wait for.
    for (const keys of this.#jwks) void keys.stop();
  }
}

function authenticatorFor(
  settings: AuthenticationSettings,
  { own }: TokenVerifiers,
  registry: Registry,
): Authenticator {
  const missing = new MissingPrincipals(registry);
  return settings.mode === 'bearer'
    ? new BearerAuthenticator(own)
    : new BuiltInAuthenticator(settings, missing);
}
