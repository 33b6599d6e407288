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
import type { TokenVerifier } from './jwt/token-verifier.js';
import { createTokenVerifiers } from './create-token-verifiers.js';
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
      ) => createTokenVerifiers(settings, { source, clock, logger }),
    },
    {
      provide: Authenticator,
      inject: [authenticationSettings.key, VERIFIERS, Registry],
      useFactory: authenticatorFor,
    },
  ],
  exports: [Authenticator],
})
export class AuthenticatorModule implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #jwks: readonly JwksCache[];
  readonly #usable: Gauge<'issuer'>;

  constructor(
    @Inject(VERIFIERS) verifiers: readonly TokenVerifier[],
    private readonly readiness: ReadinessChecks,
    @Inject(Registry) registry: Registry,
  ) {
    this.#jwks = verifiers.flatMap(({ jwks }) => jwks);
    this.#usable = new Gauge({
      name: 'authentication_issuer_keys_usable',
      help: '1 if usable signing keys of the issuer were cached at the last readiness check',
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
  verifiers: readonly TokenVerifier[],
  registry: Registry,
): Authenticator {
  const missing = new MissingPrincipals(registry);
  return settings.mode === 'bearer'
    ? new BearerAuthenticator(verifiers)
    : new BuiltInAuthenticator(settings, missing);
}
