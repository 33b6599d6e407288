import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { azureCloudOf, type CanonicalName, isCanonicalGuid } from '#libs/platform';
import { NO_PROVIDERS, tenantsOfProviders } from '../built-in/providers-file.js';
import type { TrustedIssuer } from '../trusted-issuers.js';
import { entraOf } from './entra-settings.js';
import { UNUSED, type Variables, variables } from './variables.js';

/**
 * The variables, and what must fit together among them.
 *
 * `catchall` lets variables of Azure's platforms be read here, which are no settings of this library.
 */
export const fields = variables.catchall(z.string()).superRefine((values, context) => {
  const fault = (variable: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [variable], message });
  };
  const { AUTHENTICATION_MODE: mode } = values;
  const { others, entraSession } = values.AUTHENTICATION_PROVIDERS_FILE ?? NO_PROVIDERS;
  const isEntraOptional =
    mode === 'bearer'
      ? values.TRUSTED_ISSUERS !== undefined
      : others.size > 0 && entraSession === undefined;
  const isEntraConfigured =
    values.ENTRA_TENANT_ID !== undefined || values.ENTRA_AUDIENCE !== undefined;
  if (!isEntraOptional || isEntraConfigured) {
    if (values.ENTRA_TENANT_ID === undefined) fault('ENTRA_TENANT_ID', 'is not set');
    if (values.ENTRA_AUDIENCE === undefined) fault('ENTRA_AUDIENCE', 'is not set');
  }
  for (const [name, schema] of Object.entries<z.ZodType>(UNUSED[mode])) {
    // The default, given explicitly, changes nothing in any mode.
    const isDefault =
      isDeepStrictEqual(values[name], schema.safeParse(undefined).data) ||
      (name === 'ENTRA_AUTHORITY' && values[name] === azureCloudOf(values).authority);
    if (!isDefault) fault(name, `has no effect in ${mode} mode`);
  }
  if (mode === 'bearer' && !couldBeAudience(values))
    fault(
      'ENTRA_AUDIENCE',
      'holds no client id, which every v2.0 token has as its audience; application id URIs need ENTRA_TOKEN_VERSIONS with 1.0',
    );
  const issuers = values.TRUSTED_ISSUERS ?? [];
  const hasEntra = isEntraConfigured || issuers.some(({ profile }) => profile === 'entra');
  if (values.CLIENT_EXCHANGES.length > 0 && !hasEntra)
    fault('CLIENT_EXCHANGES', 'needs ENTRA_TENANT_ID, or an Entra issuer in TRUSTED_ISSUERS');
  const missing = platformFault(values);
  if (missing !== undefined) fault('AUTHENTICATION_MODE', missing);
  for (const [variable, message] of tenantConflicts(values)) fault(variable, message);
});

/** Whether a token of an accepted version can have one of the audiences. */
function couldBeAudience({
  ENTRA_AUDIENCE: audiences,
  ENTRA_TOKEN_VERSIONS: versions,
}: Variables): boolean {
  if (audiences === undefined || versions.includes('1.0')) return true;
  return audiences.some((audience) => isCanonicalGuid(audience));
}

/**
 * Why this is not the platform whose headers are to be trusted. The platforms set these variables; who
 * else can set them controls the process anyway. Container Apps does not say whether its authentication
 * is on.
 */
function platformFault(values: Variables & Record<string, unknown>): string | undefined {
  const { AUTHENTICATION_MODE: mode, AUTHENTICATION_APP_SERVICE_OVERRIDE: override } = values;
  if (mode === 'bearer' || override !== undefined) return undefined;
  const { WEBSITE_AUTH_ENABLED: isOn, WEBSITE_INSTANCE_ID: instance, CONTAINER_APP_NAME } = values;
  const isContainerApp = typeof CONTAINER_APP_NAME === 'string';
  if (mode === 'container-apps')
    return isContainerApp
      ? undefined
      : 'container-apps requires Azure Container Apps (CONTAINER_APP_NAME is not set)';
  if (typeof instance === 'string' && typeof isOn === 'string' && /^true$/i.test(isOn))
    return undefined;
  const other = isContainerApp ? '; in Azure Container Apps, set container-apps' : '';
  return `app-service requires Azure App Service with authentication enabled (WEBSITE_AUTH_ENABLED is not True)${other}`;
}

/** Two issuers or providers with one tenant could impersonate each other's users. */
function tenantConflicts(values: Variables): (readonly [variable: string, message: string])[] {
  const issuers = values.TRUSTED_ISSUERS ?? [];
  const entra = entraOf(values);
  // Ignoring case, because resources and policies select tenants by their names in lower case.
  const tenants = [...(entra === undefined ? [] : [entra]), ...issuers]
    .flatMap(tenantsOf)
    .map((tenant) => tenant.toLowerCase());
  const addresses = issuers.flatMap((one) => (one.profile === 'openid' ? [one.issuer] : []));
  const ofProviders = tenantsOfProviders(values.AUTHENTICATION_PROVIDERS_FILE ?? NO_PROVIDERS);
  return [
    ...duplicates(tenants).map((name) => `two issuers have the tenant ${name}`),
    ...duplicates(addresses).map((name) => `the issuer ${name} is listed twice`),
  ]
    .map((message): readonly [string, string] => ['TRUSTED_ISSUERS', message])
    .concat(
      ofProviders
        .filter((tenant) => tenants.includes(tenant.toLowerCase()))
        .map((tenant) => [
          'AUTHENTICATION_PROVIDERS_FILE',
          `the tenant ${tenant} is that of Entra or of a trusted issuer: choose another one`,
        ]),
    );
}

/** The tenants whose tokens an issuer may issue. */
export function tenantsOf(issuer: TrustedIssuer): readonly CanonicalName[] {
  if (issuer.profile === 'entra') return issuer.tenants;
  return typeof issuer.tenant === 'string' ? [issuer.tenant] : issuer.tenant.allowed;
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
