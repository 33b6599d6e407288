import { rejectIf } from '../errors.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { type Claims, isFulfilled } from './claims.js';

/** RFC 9068, section 2.1. */
const ACCESS_TOKEN_TYPE = /^(application\/)?at\+jwt$/i;
/** Only ID tokens have them: OpenID Connect Core 1.0, sections 2 and 3.3.2.11. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash'] as const;
/** Claims of tokens that say what they are: Keycloak's `typ` and Cognito's `token_use`. */
const DECLARED_TYPES = { typ: 'Bearer', token_use: 'access' } as const;
/** Only access tokens have them: scopes, and how the client authenticated at Entra. */
const ACCESS_TOKEN_CLAIMS = ['scope', 'scp', 'azpacr', 'appidacr'] as const;

/**
 * Requires a proof that a token is an access token. An ID token for the same audience differs from one
 * in little, and is handed to the browser.
 *
 * The header's type `at+jwt` is a proof, and so are claims that only access tokens have. An issuer
 * without either needs `accessTokenWhen`.
 *
 * @param type of the header
 * @throws TokenRejected
 */
export function requireAccessToken(
  claims: Claims,
  type: string | undefined,
  { accessTokenWhen }: Pick<OpenIdIssuer, 'accessTokenWhen'>,
): void {
  for (const claim of ID_TOKEN_CLAIMS) {
    rejectIf(claims[claim] !== undefined, 'not-an-access-token', claim);
  }
  for (const [claim, expected] of Object.entries(DECLARED_TYPES)) {
    const declared = claims[claim];
    rejectIf(declared !== undefined && declared !== expected, 'not-an-access-token', claim);
  }
  if (accessTokenWhen === 'any' || ACCESS_TOKEN_TYPE.test(type ?? '')) return;
  const isProven = accessTokenWhen
    ? isFulfilled(accessTokenWhen, claims)
    : Object.keys(DECLARED_TYPES).some((claim) => claims[claim] !== undefined) ||
      ACCESS_TOKEN_CLAIMS.some((claim) => claims[claim] !== undefined);
  rejectIf(!isProven, 'not-an-access-token');
}
