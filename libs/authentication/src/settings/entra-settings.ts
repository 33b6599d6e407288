import { azureCloudOf } from '#libs/platform';
import { CLIENT_AUTHENTICATION, type TrustedIssuer } from '../trusted-issuers.js';
import type { Variables } from './variables.js';

/** How Entra tokens are verified. */
export type EntraSettings = Extract<TrustedIssuer, { profile: 'entra' }>;

/** @returns `undefined` where no tokens of Entra are accepted */
export function entraOf(values: Variables): EntraSettings | undefined {
  const { ENTRA_TENANT_ID: tenant, ENTRA_AUDIENCE: audiences } = values;
  if (tenant === undefined || audiences === undefined) return undefined;
  return {
    profile: 'entra',
    authority: values.ENTRA_AUTHORITY ?? azureCloudOf(values).authority,
    tenants: [...new Set([tenant, ...values.ENTRA_ALLOWED_TENANT_IDS])],
    versions: [...new Set(values.ENTRA_TOKEN_VERSIONS)],
    audiences: [...audiences],
    clientApps: [...values.ENTRA_ALLOWED_CLIENT_APPS],
    botClientApps: [...values.ENTRA_BOT_CLIENT_APPS],
    issueScopeAliases: [...values.ENTRA_ISSUE_SCOPE_ALIASES],
    minimumClientAuthentication: CLIENT_AUTHENTICATION[values.ENTRA_MINIMUM_CLIENT_AUTHENTICATION],
    requiredAuthenticationContext: values.ENTRA_REQUIRED_AUTHENTICATION_CONTEXT ?? {},
  };
}
