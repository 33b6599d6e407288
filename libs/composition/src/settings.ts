import { auditSettings } from '#libs/audit';
import { authenticationSettings } from '#libs/authentication';
import { communicationServicesSettings } from '#libs/communication-services';
import { identityMappingSettings } from '#libs/identity-mapping';
import { databaseSettings, platformSettings, type Settings } from '#libs/platform';
import { secretsSettings } from '#libs/secrets';
import { tokenIssuanceSettings } from '#libs/token-issuance';
import { auditLogSettings } from './audit-log-settings.js';
import { httpSettings } from './http-settings.js';

/** Every environment variable of the service, part by part. */
export const serviceSettings: readonly Settings[] = [
  httpSettings,
  platformSettings,
  databaseSettings,
  authenticationSettings,
  secretsSettings,
  communicationServicesSettings,
  identityMappingSettings,
  tokenIssuanceSettings,
  auditSettings,
  auditLogSettings,
];

/** The environment with what one part takes from another's variables unless it is set. */
export function serviceVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const { AUDIT_HOME_TENANT: homeTenant, ENTRA_TENANT_ID: tenant } = environment;
  return { ...environment, AUDIT_HOME_TENANT: homeTenant?.trim() ? homeTenant : tenant };
}
