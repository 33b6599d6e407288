import { rejectIf } from '../errors.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { type Claims, isFulfilled, nameClaim, textClaim } from './claims.js';
import type { CanonicalName } from '#libs/platform';

/**
 * Claims that name the client application, the first one that is present: of OpenID Connect, RFC 9068,
 * Entra v1.0 and Okta.
 */
const CLIENT_CLAIMS = ['azp', 'client_id', 'appid', 'cid'] as const;
/** Values of `gty`, as Auth0 and FusionAuth write it. */
const GRANT_TYPES: ReadonlySet<unknown> = new Set(['client-credentials', 'client_credentials']);

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
  const subjects = [claims.sub, textClaim(claims, issuer.subjectClaim)];
  if (serviceWhen && isFulfilled(serviceWhen, claims)) return true;
  if (isMarked(claims, clients, subjects)) return true;
  // Keycloak's name for the user of a client. A person can choose it too: it proves nothing.
  const name = textClaim(claims, 'preferred_username');
  const mayBeClient = name?.startsWith('service-account-') === true;
  rejectIf(mayBeClient, 'claims-malformed', 'preferred_username');
  rejectIf(!serviceWhen && clients.length === 0, 'claims-malformed', clientClaims.join(' '));
  return false;
}

/** As `isOfApplication`, for claims that nothing is configured for and that may lack the client. */
export function isMarkedAsApplication(
  claims: Readonly<Record<string, unknown>>,
  subject: string,
): boolean {
  const clients = CLIENT_CLAIMS.map((claim) => claims[claim]).filter((one) => one !== undefined);
  return isMarked(claims, clients, [subject]);
}

function isMarked(
  { idtyp, gty }: Readonly<Record<string, unknown>>,
  clients: readonly unknown[],
  subjects: readonly unknown[],
): boolean {
  const isSubjectClient = clients.some((client) =>
    subjects.some((subject) => subject === client || subject === `${String(client)}@clients`),
  );
  return idtyp === 'app' || GRANT_TYPES.has(gty) || isSubjectClient;
}
