import { auditSettings } from '#libs/audit';
import { authenticationSettings } from '#libs/authentication';
import { communicationServicesSettings } from '#libs/communication-services';
import { identityMappingSettings } from '#libs/identity-mapping';
import { databaseSettings, platformSettings, type Settings } from '#libs/platform';
import { tokenIssuanceSettings } from '#libs/token-issuance';
import { type Adapter, adapters } from './adapters.js';
import { auditLogSettings } from './audit-log-settings.js';
import { httpSettings } from './http-settings.js';
import { leaseRule } from './lease-rule.js';

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of the whole service over the adapters, part by part. */
export function settingsOver(chosen: readonly Adapter[]): readonly Settings[] {
  return [
    httpSettings,
    platformSettings,
    databaseSettings,
    authenticationSettings,
    ...chosen.flatMap(({ settings = [] }) => settings),
    communicationServicesSettings,
    identityMappingSettings,
    tokenIssuanceSettings,
    auditSettings,
    auditLogSettings,
    leaseRule,
  ];
}

/** Every environment variable of the service with its default adapters. */
export const serviceSettings: readonly Settings[] = settingsOver(adapters);

/** The environment with the defaults that one part takes from another's variables. */
export function serviceVariables(environment: Environment): Environment {
  const { AUDIT_HOME_TENANT: homeTenant, ENTRA_TENANT_ID: tenant } = environment;
  return { ...environment, AUDIT_HOME_TENANT: homeTenant?.trim() ? homeTenant : tenant };
}
