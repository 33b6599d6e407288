import { CLIENT_APIS, type ClientExchange } from './access/client-exchange.js';
import { EntraTokenVerifier } from './entra/entra-token-verifier.js';
import { EntraBearerStrategy } from './entra/passport/entra-bearer-strategy.js';
import type { TokenVerifier, VerifierDependencies } from './jwt/token-verifier.js';
import type { JwksCacheDependencies } from './keys/jwks-cache.js';
import { JoseSignatureVerifier } from './keys/signature-verifier.js';
import { OpenIdTokenVerifier } from './openid/open-id-token-verifier.js';
import type { AuthenticationSettings } from './settings.js';
import type { EntraSettings } from './settings/entra-settings.js';

type KeyDependencies = Omit<JwksCacheDependencies, 'settings'>;

/** The verifiers of callers' tokens. */
export interface TokenVerifiers {
  /** Of tokens for this service: one for each configured issuer. */
  readonly own: readonly TokenVerifier[];
  /** Of tokens for the API of each exchange that is enabled: one for each Entra issuer. */
  readonly byExchange: ReadonlyMap<ClientExchange, readonly TokenVerifier[]>;
}

/**
 * `ENTRA_*` settings use `passport-azure-ad`; entries of `TRUSTED_ISSUERS` use `jose`. The exchanges accept
 * the tenants and client applications that the service accepts, and require the same of their sign-in.
 */
export function createAllTokenVerifiers(
  { mode, entra, trustedIssuers, clientExchanges, clockSkewSeconds, keys }: AuthenticationSettings,
  keyDependencies: KeyDependencies,
): TokenVerifiers {
  // The platform verifies the tokens itself.
  if (mode !== 'bearer') return { own: [], byExchange: new Map() };
  const dependencies: VerifierDependencies = {
    skewSeconds: clockSkewSeconds,
    keys: { ...keyDependencies, settings: keys },
    entraKeys: new Map(),
  };
  const strategy = entra && new EntraBearerStrategy(entra);
  const ofEntra = (issuer: EntraSettings, foreignScopes?: readonly string[]): TokenVerifier => {
    const isOwn = issuer.tenants === entra?.tenants;
    const signatures = isOwn && strategy ? strategy : new JoseSignatureVerifier();
    return new EntraTokenVerifier(issuer, signatures, dependencies, foreignScopes);
  };
  const issuers = [...trustedIssuers, ...(entra ? [entra] : [])];
  return {
    own: issuers.map((issuer) =>
      issuer.profile === 'entra' ? ofEntra(issuer) : new OpenIdTokenVerifier(issuer, dependencies),
    ),
    byExchange: new Map(
      clientExchanges.map(({ exchange, audiences }) => [
        exchange,
        issuers
          .filter((issuer) => issuer.profile === 'entra')
          .map((issuer) => {
            // Microsoft decides on the version of tokens for its APIs.
            const versions: EntraSettings['versions'] = ['2.0', '1.0'];
            const accepted = { ...issuer, audiences: [...audiences], versions };
            return ofEntra({ ...accepted, issueScopeAliases: [] }, CLIENT_APIS[exchange].scopes);
          }),
      ]),
    ),
  };
}

/** The verifiers of tokens for this service. */
export function createTokenVerifiers(
  settings: AuthenticationSettings,
  keyDependencies: KeyDependencies,
): readonly TokenVerifier[] {
  return createAllTokenVerifiers(settings, keyDependencies).own;
}
