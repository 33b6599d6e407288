import { mismatch, type TokenRejected } from '../errors.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { type Claims, isFulfilled } from './claims.js';

/** RFC 9068, section 2.1. */
const ACCESS_TOKEN_TYPE = 'at+jwt';
/** Only ID tokens have them: OpenID Connect Core 1.0, section 3.3.2.11, and FAPI 1.0. */
const ID_TOKEN_CLAIMS = ['at_hash', 'c_hash', 's_hash'] as const;
/** Claims of tokens that say what they are: Keycloak's `typ` and Cognito's `token_use`. */
const DECLARED_TYPES = { typ: 'Bearer', token_use: 'access' } as const;
/** Only access tokens have them: scopes, and how the client authenticated at Entra. */
const ACCESS_TOKEN_CLAIMS = ['scope', 'scp', 'azpacr', 'appidacr'] as const;

const PROOFS = [...Object.keys(DECLARED_TYPES), ...ACCESS_TOKEN_CLAIMS];

/**
 * Requires a proof that a token is an access token. An ID token for the same audience differs from one
 * in little, and is handed to the browser.
 *
 * The header's type `at+jwt` is a proof, and so are claims that only access tokens have. An issuer
 * without either needs `accessTokenWhen`. A `nonce` is in ID tokens, but in access tokens of Azure AD B2C
 * and older Keycloaks as well: a token that has one is refused where nothing proves what it is.
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
    if (claims[claim] !== undefined) throw notAnAccessToken(claim);
  }
  for (const [claim, expected] of Object.entries(DECLARED_TYPES)) {
    const declared = claims[claim];
    if (declared !== undefined && declared !== expected) throw notAnAccessToken(claim);
  }
  if (mediaType(type) === ACCESS_TOKEN_TYPE) return;
  const condition = typeof accessTokenWhen === 'object' ? accessTokenWhen : undefined;
  const isProven = condition
    ? isFulfilled(condition, claims)
    : PROOFS.some((claim) => claims[claim] !== undefined);
  if (isProven) return;
  if (accessTokenWhen !== 'any') throw notAnAccessToken(condition?.claim);
  if (claims.nonce !== undefined) throw notAnAccessToken('nonce');
}

/** @param claim that contradicts, or should have another value; none when nothing proves it */
function notAnAccessToken(claim?: string): TokenRejected {
  const proofs = [`typ ${ACCESS_TOKEN_TYPE}`, ...PROOFS];
  const actual = claim ?? 'none of them';
  return mismatch('not-an-access-token', proofs, actual, claim);
}

/**
 * The media type of a header's `typ` in one form: in lower case, without `application/` (RFC 7515,
 * section 4.1.9).
 */
export function mediaType(type = ''): string {
  return type.toLowerCase().replace(/^application\/(?=[^/]+$)/, '');
}
