import type { AuditSettings } from '#libs/audit';
import { acceptedTenants, type AuthenticationSettings } from '#libs/authentication';
import type { HttpSettings } from '../http-settings.js';
import type { Advice } from './advice.js';

const DEFAULT_HEADER = 'x-forwarded-for';

/** Only who signs in with the home tenant may see the whole log, or erase in it. */
export function adviceOnHomeTenant(
  { homeTenant }: AuditSettings,
  authentication: AuthenticationSettings,
): Advice[] {
  if (homeTenant === undefined || acceptedTenants(authentication).includes(homeTenant)) return [];
  return [
    {
      code: 'home-tenant-not-accepted',
      variable: 'AUDIT_HOME_TENANT',
      problem: 'is a tenant whose tokens are not accepted, so that nobody can read the whole log',
      fix: 'name ENTRA_TENANT_ID, one of ENTRA_ALLOWED_TENANT_IDS, or the tenant of a trusted issuer or provider',
    },
  ];
}

export function adviceOnPlatformAuthentication({
  isPlatformAssumed,
}: AuthenticationSettings): Advice[] {
  if (!isPlatformAssumed) return [];
  return [
    {
      code: 'protection-off',
      variable: 'AUTHENTICATION_APP_SERVICE_OVERRIDE',
      problem: 'lets anyone who reaches this process claim to be anyone',
      fix: 'leave it out: it is for tests only',
    },
  ];
}

/** The host of Azure Functions is always trusted. */
export function adviceOnClientAddress(
  { clientAddressHeader, trustedProxies }: AuthenticationSettings,
  { isFunctionsHandler }: HttpSettings,
): Advice[] {
  const isTrusted = isFunctionsHandler || trustedProxies.rules.length > 0;
  if (clientAddressHeader === DEFAULT_HEADER || isTrusted) return [];
  return [
    {
      code: 'client-address-header-unused',
      variable: 'CLIENT_ADDRESS_HEADER',
      problem:
        'has no effect without TRUSTED_PROXIES: every caller counts as having the address of the proxy',
      fix: 'set TRUSTED_PROXIES to the addresses of the proxies that write the header',
    },
  ];
}
