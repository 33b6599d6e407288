import { rejectIf } from '../errors.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { type Claims, conditionState, nameClaim, namesIn, textClaim } from './claims.js';
import { type CanonicalName, canonicalName } from '#libs/platform';

/**
 * Claims that name the client application, the first one that is present: of OpenID Connect, RFC 9068,
 * Entra v1.0 and Okta.
 */
const CLIENT_CLAIMS = ['azp', 'client_id', 'appid', 'cid'] as const;
/** Values of `gty`, as Auth0 and FusionAuth write it. */
const GRANT_TYPES = ['client-credentials', 'client_credentials'];

/** The client application, from the configured claim or else from the one that the token has. */
export function clientAppOf(
  claims: Claims,
  { clientAppClaim }: OpenIdIssuer,
): CanonicalName | undefined {
  const claim = clientAppClaim ?? CLIENT_CLAIMS.find((one) => claims[one] !== undefined);
  return claim === undefined ? undefined : nameClaim(claims, claim);
}

/**
 * Whether an application requested the token for itself (RFC 6749, section 4.4). Providers say it
 * differently: by the claim of `serviceWhen`, by `idtyp` or `gty`, or by a `sub` that is the client
 * (RFC 9068, section 2.2).
 *
 * A token that may be one of an application is refused, because a user may do more.
 *
 * @throws TokenRejected
 */
export function isOfApplication(claims: Claims, issuer: OpenIdIssuer): boolean {
  const { serviceWhen, clientAppClaim } = issuer;
  const clientClaims = [
    ...CLIENT_CLAIMS,
    ...(clientAppClaim === undefined ? [] : [clientAppClaim]),
  ];
  const clients = clientClaims.flatMap((claim) => textClaim(claims, claim) ?? []);
  const subjects = ['sub', issuer.subjectClaim].flatMap((claim) => textClaim(claims, claim) ?? []);
  const isService = serviceWhen && conditionState(serviceWhen, claims);
  if (isService === true || isMarked(claims, clients, subjects)) return true;
  rejectIf(isService === 'unknown', 'claims-malformed', serviceWhen?.claim ?? '');
  // Keycloak's name for the user of a client. A person can choose it too: it proves nothing.
  const name = textClaim(claims, 'preferred_username');
  const mayBeClient = name?.startsWith('service-account-') === true;
  rejectIf(mayBeClient, 'claims-malformed', 'preferred_username');
  rejectIf(!serviceWhen && clients.length === 0, 'claims-malformed', clientClaims.join(' '));
  return false;
}

/**
 * As `isOfApplication`, for claims that nothing is configured for and that may lack the client.
 *
 * @param claims all values of each claim
 */
export function isMarkedAsApplication(
  claims: Readonly<Record<string, readonly string[]>>,
  subject: string,
): boolean {
  const clients = CLIENT_CLAIMS.flatMap((claim) => claims[claim] ?? []);
  return isMarked(claims, clients, [subject]);
}

/** @throws TokenRejected when a mark is neither a text nor a list of texts */
function isMarked(
  { idtyp, gty }: Readonly<Record<string, unknown>>,
  clients: readonly string[],
  subjects: readonly string[],
): boolean {
  const names = clients.map(canonicalName);
  const isSubjectClient = subjects.some((subject) =>
    [subject, subject.replace(/@clients$/i, '')].some((one) => names.includes(canonicalName(one))),
  );
  const isApp = marksIn(idtyp, 'idtyp').includes('app');
  const isGranted = marksIn(gty, 'gty').some((mark) => GRANT_TYPES.includes(mark));
  return isApp || isGranted || isSubjectClient;
}

/** In lower case. A text may be a list, too: with spaces or commas, or the JSON of one. */
function marksIn(value: unknown, claim: string): string[] {
  return namesIn(value, claim).flatMap((text) => text.toLowerCase().split(/[\s,"[\]]+/));
}
