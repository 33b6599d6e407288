import type { AuthenticationSettings } from '../settings.js';
import { EntraBearerStrategy } from '../entra/passport/entra-bearer-strategy.js';
import { EntraTokenVerifier } from '../entra/entra-token-verifier.js';
import { JoseSignatures } from '../keys/jose-signatures.js';
import { OpenIdTokenVerifier } from '../openid/open-id-token-verifier.js';
import type { KeySurroundings } from '../keys/issuer-keys.js';
import type { TokenVerifier } from './token-verifier.js';

/** One verifier for each issuer that the settings trust. */
export function verifiersFor(
  { mode, entra, trustedIssuers, clockSkewSeconds, keys: settings }: AuthenticationSettings,
  loading: Omit<KeySurroundings, 'settings'>,
): readonly TokenVerifier[] {
  // App Service verifies tokens itself: no keys are needed then.
  if (mode === 'app-service') return [];
  const surroundings = { skewSeconds: clockSkewSeconds, keys: { ...loading, settings } };
  const further = trustedIssuers.map((issuer) =>
    issuer.profile === 'entra'
      ? new EntraTokenVerifier(issuer, new JoseSignatures(), surroundings)
      : new OpenIdTokenVerifier(issuer, surroundings),
  );
  if (entra === undefined) return further;
  const signatures = new EntraBearerStrategy(entra);
  return [...further, new EntraTokenVerifier(entra, signatures, surroundings)];
}
