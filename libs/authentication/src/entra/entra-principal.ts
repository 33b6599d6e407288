import type { EntraSettings } from '../settings.js';
import { type UnverifiedJwt, rejectIf } from '../jwt/parse-jwt.js';
import type { EntraClaims } from './entra-claims.js';
import { isPermission, type Permission } from '../access/permission.js';
import type { Principal } from '../access/principal.js';

/** What passport-azure-ad leaves open in a token's header. */
export function checkHeader({ algorithm, type }: UnverifiedJwt): void {
  rejectIf(algorithm !== 'RS256', 'algorithm-not-allowed');
  rejectIf(type !== 'JWT', 'type-not-allowed');
}

/** Whether the token was issued for this service, to a client app that may use it. */
export function checkAudience(claims: EntraClaims, settings: EntraSettings): void {
  const { audiences, clientApps, minimumClientAuthentication } = settings;
  rejectIf(!audiences.includes(claims.aud), 'audience');
  rejectIf(
    clientApps.length > 0 && !clientApps.includes(claims.clientApp),
    'client-app-not-allowed',
    claims.clientApp,
  );
  rejectIf(
    Number(claims.clientAuthentication) < minimumClientAuthentication,
    'client-authentication-too-weak',
    claims.clientApp,
  );
}

/** The claims that tell who calls. */
export type EntraCallerClaims = Pick<EntraClaims, 'iss' | 'tid' | 'oid' | 'sub' | 'clientApp'> &
  Partial<Pick<EntraClaims, 'scp' | 'roles' | 'idtyp' | 'acct' | 'idp' | 'uti' | 'name'>>;

/**
 * Who the claims speak of.
 *
 * Whether an application acts on its own is told by `idtyp`, and where that is missing by the
 * absence of `scp` together with `sub` = `oid`. Roles tell nothing of it: users have them too.
 *
 * @throws TokenRejected for what is no access token
 */
export function entraPrincipal(
  claims: EntraCallerClaims,
  botClientApps: readonly string[],
): Principal {
  const isAppOnly = isOfAppOnly(claims);
  const scopes = claims.scp?.split(' ') ?? [];
  const granted = isAppOnly ? (claims.roles ?? []) : [...scopes, ...(claims.roles ?? [])];
  return {
    kind: isAppOnly ? (botClientApps.includes(claims.clientApp) ? 'bot' : 'service') : 'user',
    issuer: claims.iss,
    tenant: claims.tid,
    subject: claims.oid,
    clientApp: claims.clientApp,
    permissions: knownPermissions(granted),
    isGuest: !isAppOnly && isGuest(claims),
    ...(claims.uti !== undefined && { tokenId: claims.uti }),
    ...(claims.name !== undefined && { displayName: claims.name }),
  };
}

function isOfAppOnly({ idtyp, scp, roles, sub, oid }: EntraCallerClaims): boolean {
  const hasScope = scp !== undefined && scp.trim() !== '';
  if (idtyp === 'app') {
    rejectIf(scp !== undefined, 'claims-malformed', 'idtyp scp');
    return true;
  }
  if (hasScope) return false;
  const isApp = idtyp === undefined && scp === undefined && roles !== undefined && sub === oid;
  // Without a scope nobody delegated anything: an ID token, or one for another purpose.
  rejectIf(!isApp, 'not-an-access-token');
  return true;
}

/** `acct` says it outright; else the user's home is another directory than the token's. */
function isGuest({ acct, idp, iss, tid }: EntraCallerClaims): boolean {
  if (acct !== undefined) return acct === 1;
  return idp !== undefined && idp !== iss && !idp.split('/').includes(tid);
}

/** Names that the service doesn't know grant nothing. */
function knownPermissions(names: readonly string[]): Permission[] {
  return [...new Set(names.filter(isPermission))];
}
