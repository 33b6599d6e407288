import { isPermission } from '../access/permission.js';
import type { CanonicalName, Principal } from '#libs/platform';
import { rejectIf } from '../errors.js';
import type { EntraClaims } from './entra-claims.js';

/** The claims that identify the caller, from a token or from App Service. */
export type EntraCallerClaims = Pick<EntraClaims, 'iss' | 'tid' | 'oid' | 'sub' | 'clientApp'> &
  Partial<Pick<EntraClaims, 'scp' | 'roles' | 'idtyp' | 'acct' | 'idp' | 'uti' | 'name'>>;

/**
 * Maps Entra claims to a principal.
 *
 * Without `idtyp`, a token is app-only when it has no `scp` and `sub` equals `oid`. Roles are no
 * indication: users have them too.
 *
 * @throws TokenRejected when the claims are not those of an access token
 */
export function entraPrincipal(
  claims: EntraCallerClaims,
  botClientApps: readonly CanonicalName[],
): Principal {
  const isApp = isAppOnly(claims);
  const roles = claims.roles ?? [];
  const granted = isApp ? roles : [...(claims.scp?.split(' ') ?? []), ...roles];
  return {
    kind: isApp ? (botClientApps.includes(claims.clientApp) ? 'bot' : 'service') : 'user',
    issuer: claims.iss,
    tenant: claims.tid,
    subject: claims.oid,
    clientApp: claims.clientApp,
    permissions: [...new Set(granted.filter(isPermission))],
    isGuest: !isApp && isGuest(claims),
    ...(claims.uti !== undefined && { tokenId: claims.uti }),
    ...(claims.name !== undefined && { displayName: claims.name }),
  };
}

function isAppOnly({ idtyp, scp, roles, sub, oid }: EntraCallerClaims): boolean {
  const hasScope = scp !== undefined && scp.trim() !== '';
  if (idtyp === 'app') {
    rejectIf(scp !== undefined, 'claims-malformed', 'idtyp scp');
    return true;
  }
  if (hasScope) return false;
  const isApp = idtyp === undefined && scp === undefined && roles !== undefined && sub === oid;
  // A user's token without a scope delegates nothing: it is an ID token or has another purpose.
  rejectIf(!isApp, 'not-an-access-token');
  return true;
}

/** Without `acct`, a user is a guest when the identity provider is not the tenant of the token. */
function isGuest({ acct, idp, iss, tid }: EntraCallerClaims): boolean {
  if (acct !== undefined) return acct === 1;
  return idp !== undefined && idp !== iss && !idp.split('/').includes(tid);
}
