import { z } from 'zod';
import {
  ADVANCED,
  azureCloudOf,
  defineSettings,
  httpsOrigin,
  integer,
  secretName,
  type SettingsOf,
  tokenScope,
} from '#libs/platform';
import { budgetFields, budgetOf } from '#libs/request-budget';
import { TEAMS_PHONE_VERSIONS } from './acs/acs-assignment-client.js';
import { CommunicationResources } from './resources/communication-resources.js';
import { resourcesFile } from './resources/resources-file.js';

const fields = z
  .object({
    ACS_ENDPOINT: httpsOrigin()
      .optional()
      .describe(
        'https address of the Azure Communication Services resource; can not be combined with ACS_RESOURCES_FILE',
      ),
    ACS_RESOURCE_ID: z
      .guid('must be a GUID')
      .optional()
      .describe('immutable resource id, a GUID: az communication show --query immutableResourceId'),
    ACS_CREDENTIAL_SECRET: secretName()
      .optional()
      .describe(
        'name of the Key Vault secret with the connection string or access key; default: the Azure credential of the process',
      ),
    ACS_RESOURCES_FILE: resourcesFile()
      .optional()
      .describe(
        'path of a JSON file that lists several resources: [{"name", "endpoint", "resourceId", "credentialSecret"?, "tenants"?: [], "default"?: true}]',
      ),
    ACS_TIMEOUT_MS: integer(100, 60_000)
      .prefault('5000')
      .describe(
        'timeout in milliseconds of a call to Azure Communication Services, including its retry, 100 to 60000',
      )
      .meta(ADVANCED),
    ACS_CONNECTIONS: integer(1, 512)
      .prefault('64')
      .describe(
        'maximum number of connections of one process to one resource, 1 to 512; half of them at most for calls that no token waits for, such as revocations',
      )
      .meta(ADVANCED),
    ACS_TOKEN_SCOPE: tokenScope()
      .optional()
      .describe(
        'scope of the tokens for Azure Communication Services, without ACS_CREDENTIAL_SECRET; default: that of AZURE_CLOUD, https://communication.azure.com//.default',
      )
      .meta(ADVANCED),
    ACS_TEAMS_PHONE_VERSION: z
      .enum(TEAMS_PHONE_VERSIONS, { error: `must be one of ${TEAMS_PHONE_VERSIONS.join(', ')}` })
      .default('2026-09-23')
      .describe(
        `version of the API for Teams Phone assignments: ${TEAMS_PHONE_VERSIONS.join(', ')}`,
      )
      .meta(ADVANCED),
    ...budgetFields,
  })
  // AZURE_CLOUD is a setting of the platform.
  .catchall(z.string())
  .superRefine((variables, context) => {
    const path = (name: string): { path: string[] } => ({ path: [name] });
    if (variables.ACS_RESOURCES_FILE) {
      for (const name of ['ACS_ENDPOINT', 'ACS_RESOURCE_ID', 'ACS_CREDENTIAL_SECRET'] as const) {
        if (variables[name] === undefined) continue;
        const message = 'can not be set together with ACS_RESOURCES_FILE';
        context.addIssue({ code: 'custom', message, ...path(name) });
      }
      return;
    }
    for (const name of ['ACS_ENDPOINT', 'ACS_RESOURCE_ID'] as const) {
      if (variables[name] !== undefined) continue;
      context.addIssue({ code: 'custom', message: 'is not set', ...path(name) });
    }
  });

/** Settings of the ACS resources, the calls to them and the request budget. */
export const communicationServicesSettings = defineSettings(
  'communication-services',
  fields,
  (variables) => ({
    resources:
      variables.ACS_RESOURCES_FILE ??
      new CommunicationResources(
        [
          {
            name: 'default',
            endpoint: variables.ACS_ENDPOINT ?? '',
            immutableResourceId: (variables.ACS_RESOURCE_ID ?? '').toLowerCase(),
            ...(variables.ACS_CREDENTIAL_SECRET !== undefined && {
              credentialSecret: variables.ACS_CREDENTIAL_SECRET,
            }),
            tenants: [],
          },
        ],
        'default',
      ),
    timeoutMs: variables.ACS_TIMEOUT_MS,
    connections: variables.ACS_CONNECTIONS,
    tokenScope:
      variables.ACS_TOKEN_SCOPE ??
      `https://${azureCloudOf(variables).communicationDomain}//.default`,
    teamsPhoneVersion: variables.ACS_TEAMS_PHONE_VERSION,
    budget: budgetOf(variables),
  }),
);

export type CommunicationServicesSettings = SettingsOf<typeof communicationServicesSettings>;
