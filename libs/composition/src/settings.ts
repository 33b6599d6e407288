import { auditSettings, auditWitnessSettings } from '#libs/audit';
import { auditDeliverySettings } from '#libs/audit-delivery';
import { authenticationSettings } from '#libs/authentication';
import { communicationServicesSettings } from '#libs/communication-services';
import { identityMappingSettings } from '#libs/identity-mapping';
import {
  checkEnvironment,
  databaseSettings,
  type EnvironmentCheck,
  platformSettings,
  type Settings,
  type SettingsFault,
  telemetrySettings,
} from '#libs/platform';
import {
  azureCredentialSettings,
  keyVaultSettings,
  databaseCredentialSettings,
  keyVaultEventsSettings,
} from '#libs/secrets';
import { tokenIssuanceSettings } from '#libs/token-issuance';
import { visitorSettings } from '#libs/visitors';
import { type Advice, sentenceOf } from './advice/advice.js';
import { adviceOn, adviceOnTrials } from './advice/configuration-advice.js';
import { auditLogSettings } from './audit-log-settings.js';
import { compatibilitySettings } from './compatibility-settings.js';
import { consoleRule } from './console-rule.js';
import { consoleSettings } from './console-settings.js';
import { httpSettings } from './http-settings.js';
import { cloudRule } from './cloud-rule.js';
import { leaseRule } from './lease-rule.js';

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the default adapters read. Apart from them, so that the settings load without the adapters. */
const DEFAULT_ADAPTER_SETTINGS = [
  keyVaultSettings,
  azureCredentialSettings,
  databaseCredentialSettings,
];

/** Variables of the command line. The api may have them too, and ignores them. */
export const COMMAND_LINE_VARIABLES: readonly string[] = [
  'ACS_IDENTITY_TOKEN',
  'AUDIT_PUBLIC_KEY',
  'DATABASE_OWNER_PASSWORD_FILE',
  'DATABASE_OWNER_URL',
  'DATABASE_SERVICE_ROLE',
  'GRAPH_SCOPE',
  'GRAPH_URL',
];

/** The settings of the whole service, part by part. @param adapterSettings those of its adapters */
export function settingsOver(adapterSettings: readonly Settings[]): readonly Settings[] {
  return [
    httpSettings,
    compatibilitySettings,
    consoleSettings,
    platformSettings,
    telemetrySettings,
    databaseSettings,
    authenticationSettings,
    ...adapterSettings,
    keyVaultEventsSettings,
    communicationServicesSettings,
    identityMappingSettings,
    tokenIssuanceSettings,
    visitorSettings,
    auditSettings,
    auditLogSettings,
    auditWitnessSettings,
    auditDeliverySettings,
    leaseRule,
    cloudRule,
    consoleRule,
  ];
}

/** Every environment variable of the service with its default adapters. */
export const serviceSettings: readonly Settings[] = settingsOver(DEFAULT_ADAPTER_SETTINGS);

/** What was found in the environment of the whole service. */
export interface ServiceCheck extends EnvironmentCheck {
  /** Part of the remarks. */
  readonly advice: readonly Advice[];
}

/**
 * Checks the environment of the whole service, as a start does.
 *
 * @param settings of the service with its adapters
 */
export function checkService(
  settings: readonly Settings[],
  environment: Environment,
): ServiceCheck {
  const { AUDIT_HOME_TENANT: homeTenant, ENTRA_TENANT_ID: tenant } = environment;
  const variables = {
    ...environment,
    AUDIT_HOME_TENANT: homeTenant?.trim() ? homeTenant : tenant,
  };
  const check = checkEnvironment(settings, variables, COMMAND_LINE_VARIABLES);
  const advice = adviceOn(check.values);
  // Those of the tenant that takes its place are its own.
  const isOwn = ({ variable }: SettingsFault): boolean =>
    variable !== 'AUDIT_HOME_TENANT' || variables.AUDIT_HOME_TENANT === homeTenant;
  return {
    ...check,
    faults: check.faults.filter(isOwn),
    advice,
    remarks: [...check.remarks, ...advice.map(sentenceOf)],
  };
}

/** As `checkService`, and tries what this user may do with files. */
export async function examineService(
  settings: readonly Settings[],
  environment: Environment,
): Promise<ServiceCheck> {
  const check = checkService(settings, environment);
  return withTrials(check);
}

/** A check with what trying finds, which takes longer. */
export async function withTrials(check: ServiceCheck): Promise<ServiceCheck> {
  const found = await adviceOnTrials(check.values);
  return {
    ...check,
    advice: [...check.advice, ...found],
    remarks: [...check.remarks, ...found.map(sentenceOf)],
  };
}
