import type { AuthenticationSettings } from './settings.js';
import { EntraBearerStrategy } from './entra/passport/entra-bearer-strategy.js';
import { EntraTokenVerifier } from './entra/entra-token-verifier.js';
import { JoseSignatureVerifier } from './keys/jose-signatures.js';
import { OpenIdTokenVerifier } from './openid/open-id-token-verifier.js';
import type { JwksCacheDependencies } from './keys/jwks-cache.js';
import type { TokenVerifier } from './jwt/token-verifier.js';

/** One verifier for each issuer that the settings trust. */
export function createTokenVerifiers(
  { mode, entra, trustedIssuers, clockSkewSeconds, keys: settings }: AuthenticationSettings,
  loading: Omit<JwksCacheDependencies, 'settings'>,
): readonly TokenVerifier[] {
  // App Service verifies tokens itself: no keys are needed then.
  if (mode === 'app-service') return [];
  const surroundings = { skewSeconds: clockSkewSeconds, keys: { ...loading, settings } };
  const further = trustedIssuers.map((issuer) =>
    issuer.profile === 'entra'
      ? new EntraTokenVerifier(issuer, new JoseSignatureVerifier(), surroundings)
      : new OpenIdTokenVerifier(issuer, surroundings),
  );
  if (entra === undefined) return further;
  const signatures = new EntraBearerStrategy(entra);
  return [...further, new EntraTokenVerifier(entra, signatures, surroundings)];
}
