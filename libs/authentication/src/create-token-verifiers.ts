import { EntraTokenVerifier } from './entra/entra-token-verifier.js';
import { EntraBearerStrategy } from './entra/passport/entra-bearer-strategy.js';
import type { TokenVerifier } from './jwt/token-verifier.js';
import type { JwksCacheDependencies } from './keys/jwks-cache.js';
import { JoseSignatureVerifier } from './keys/signature-verifier.js';
import { OpenIdTokenVerifier } from './openid/open-id-token-verifier.js';
import type { AuthenticationSettings } from './settings.js';

/**
 * One verifier for each configured issuer. `ENTRA_*` settings use `passport-azure-ad`; entries of
 * `TRUSTED_ISSUERS` use `jose`.
 */
export function createTokenVerifiers(
  { mode, entra, trustedIssuers, clockSkewSeconds, keys: settings }: AuthenticationSettings,
  keyDependencies: Omit<JwksCacheDependencies, 'settings'>,
): readonly TokenVerifier[] {
  // The platform verifies the tokens itself.
  if (mode !== 'bearer') return [];
  const dependencies = { skewSeconds: clockSkewSeconds, keys: { ...keyDependencies, settings } };
  const verifiers: TokenVerifier[] = trustedIssuers.map((issuer) =>
    issuer.profile === 'entra'
      ? new EntraTokenVerifier(issuer, new JoseSignatureVerifier(), dependencies)
      : new OpenIdTokenVerifier(issuer, dependencies),
  );
  if (entra !== undefined)
    verifiers.push(new EntraTokenVerifier(entra, new EntraBearerStrategy(entra), dependencies));
  return verifiers;
}
