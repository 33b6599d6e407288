import { rejectIf } from '../errors.js';
import type { OpenIdIssuer } from '../trusted-issuers.js';
import { type Claims, isFulfilled, textClaim } from './claims.js';

/** Claims that name the client application, besides the configured one. */
const CLIENT_CLAIMS = ['client_id', 'azp', 'appid', 'cid'] as const;
/** Values of `gty`, as Auth0 and FusionAuth write it. */
const GRANT_TYPES: ReadonlySet<unknown> = new Set(['client-credentials', 'client_credentials']);

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
  const clients = [clientAppClaim, ...CLIENT_CLAIMS].flatMap(
    (claim) => textClaim(claims, claim) ?? [],
  );
  const subjects = [claims.sub, textClaim(claims, issuer.subjectClaim)];
  const isSubjectClient = clients.some((client) =>
    subjects.some((subject) => subject === client || subject === `${client}@clients`),
  );
  if (serviceWhen && isFulfilled(serviceWhen, claims)) return true;
  if (claims.idtyp === 'app' || GRANT_TYPES.has(claims.gty) || isSubjectClient) return true;
  // Keycloak's name for the user of a client. A person can choose it too: it proves nothing.
  const name = textClaim(claims, 'preferred_username');
  const mayBeClient = name?.startsWith('service-account-') === true;
  rejectIf(mayBeClient, 'claims-malformed', 'preferred_username');
  rejectIf(!serviceWhen && clients.length === 0, 'claims-malformed', clientAppClaim);
  return false;
}
