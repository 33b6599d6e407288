import { delegatedPermissions, ownPermissions } from '../access/granted-permissions.js';
import type { Principal } from '#libs/platform';
import { mismatch, rejectIf } from '../errors.js';
import type { EntraSettings } from '../settings/entra-settings.js';
import type { EntraClaims } from './entra-claims.js';

/** The claims that identify the caller, from a token or from App Service. */
export type EntraCallerClaims = Pick<EntraClaims, 'iss' | 'tid' | 'oid' | 'sub' | 'clientApp'> &
  Partial<Pick<EntraClaims, 'scp' | 'roles' | 'idtyp' | 'acct' | 'idp' | 'uti' | 'name'>>;

/**
 * Maps Entra claims to a principal. `scp` is what the client may do for people, `roles` what the
 * person, or an application without a user, may do.
 *
 * Without `idtyp`, a token is app-only when it has no `scp` and `sub` equals `oid`. Roles are no
 * indication: users have them too.
 *
 * @param foreignScopes the scopes of another API, for a token of it: the only permissions that it may give
 * @throws TokenRejected when the claims are not those of an access token
 */
export function entraPrincipal(
  claims: EntraCallerClaims,
  { botClientApps, issueScopeAliases }: Pick<EntraSettings, 'botClientApps' | 'issueScopeAliases'>,
  foreignScopes?: readonly string[],
): Principal {
  const isApp = isAppOnly(claims);
  const roles = claims.roles ?? [];
  const scopes = (claims.scp?.split(' ') ?? []).map((scope) =>
    issueScopeAliases.includes(scope) ? 'CommunicationToken.Issue' : scope,
  );
  return {
    kind: isApp ? (botClientApps.includes(claims.clientApp) ? 'bot' : 'service') : 'user',
    issuer: claims.iss,
    tenant: claims.tid,
    subject: claims.oid,
    clientApp: claims.clientApp,
    permissions: foreignScopes
      ? foreignScopes.filter((scope) => !isApp && scopes.includes(scope))
      : isApp
        ? ownPermissions(roles)
        : delegatedPermissions({ client: scopes, person: roles }),
    isGuest: isApp ? false : isGuest(claims),
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
  if (!isApp) throw mismatch('not-an-access-token', ['scp', 'idtyp app'], 'neither');
  return true;
}

/**
 * `acct` says it. Without it, another identity provider than that of the tenant makes a guest; the same
 * one makes no member, because guests may have accounts of the same kind.
 */
function isGuest({ acct, idp, iss, tid }: EntraCallerClaims): boolean | undefined {
  if (acct !== undefined) return acct === 1;
  return idp !== undefined && idp !== iss && !idp.split('/').includes(tid) ? true : undefined;
}
