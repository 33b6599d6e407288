import type { Principal } from '#libs/platform';
import { delegatedPermissions, ownPermissions } from '../access/granted-permissions.js';
import { acceptedName, mismatch, TokenRejected } from '../errors.js';
import { isMarkedAsApplication } from '../openid/client-credentials.js';
import { type ClientClaim, singleClaim } from './client-principal.js';
import type { Provider } from './providers-file.js';

const MAX_NAME_CHARACTERS = 512;

/** Claims with a name to show, of OpenID providers and of others. */
const NAME_CLAIMS = ['name', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'];

/**
 * Maps a caller of a provider other than Entra to a principal. Tenant, kind and permissions are those of
 * the file. Claims say which person it is, and which of the permissions of the client the person has.
 *
 * @throws TokenRejected
 */
export function providerPrincipal(claims: readonly ClientClaim[], provider: Provider): Principal {
  const { provider: name, tenant, subjectClaim, kind, permissions } = provider;
  const subject = singleClaim(claims, subjectClaim);
  if (subject === undefined || subject === '')
    throw new TokenRejected('subject-missing', `${name} ${subjectClaim}`);
  if (kind === 'user' && isMarkedAsApplication(valuesOf(claims), subject))
    throw mismatch('kind-mismatch', kind, 'an application without a user');
  const person = claims
    .filter((claim) => permissions.personClaims.includes(claim.name))
    .map(({ value }) =>
      Object.hasOwn(permissions.names, value) ? permissions.names[value] : value,
    )
    .filter((role) => role !== undefined);
  const displayName = claims.find((claim) => NAME_CLAIMS.includes(claim.name))?.value;
  const isNameUsable = displayName !== undefined && displayName !== '';
  return {
    kind,
    issuer: `provider:${name}`,
    tenant,
    subject: acceptedName(subject, subjectClaim),
    permissions:
      kind === 'user'
        ? delegatedPermissions({ client: permissions.client, person })
        : ownPermissions(permissions.client),
    isGuest: kind === 'user' ? undefined : false,
    ...(isNameUsable && { displayName: displayName.slice(0, MAX_NAME_CHARACTERS) }),
  };
}

function valuesOf(claims: readonly ClientClaim[]): Record<string, readonly string[]> {
  const groups = Map.groupBy(claims, ({ name }) => name);
  return Object.fromEntries(
    [...groups].map(([name, ones]) => [name, ones.map(({ value }) => value)]),
  );
}
