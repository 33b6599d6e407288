import { auditSettings } from '#libs/audit';
import { authenticationSettings } from '#libs/authentication';
import { communicationServicesSettings } from '#libs/communication-services';
import { identityMappingSettings } from '#libs/identity-mapping';
import { databaseSettings, platformSettings, type Settings } from '#libs/platform';
import { secretsSettings } from '#libs/secrets';
import { tokenIssuanceSettings } from '#libs/token-issuance';
import { httpSettings } from '../http/http-settings.js';

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
];
