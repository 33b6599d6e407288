import { z } from 'zod';
import { azureCloudOf, defineSettings, httpsOrigin, type SettingsOf } from '#libs/platform';

/** How the process signs in to Azure. */
export const azureCredentialSettings = defineSettings(
  'azure-credential',
  z
    .object({
      AZURE_CREDENTIAL: z
        .enum(['default', 'managed-identity', 'environment', 'workload-identity'], {
          error: 'must be default, managed-identity, environment or workload-identity',
        })
        .default('default')
        .describe(
          'how this process signs in to Azure: default (DefaultAzureCredential), managed-identity, environment or workload-identity',
        ),
      AZURE_AUTHORITY_HOST: httpsOrigin()
        .optional()
        .describe(
          'https address of the Entra authority that Azure credentials come from; default: that of AZURE_CLOUD, https://login.microsoftonline.com',
        ),
      AZURE_CLIENT_ID: z
        .guid('must be a GUID')
        .optional()
        .describe(
          'client id of the identity that this process signs in as; needed for all but the default and system-assigned managed identities',
        ),
    })
    // AZURE_CLOUD is a setting of the platform.
    .catchall(z.string()),
  (variables) => ({
    credential: variables.AZURE_CREDENTIAL,
    authorityHost: variables.AZURE_AUTHORITY_HOST ?? azureCloudOf(variables).authority,
    clientId: variables.AZURE_CLIENT_ID,
  }),
);

export type AzureCredentialSettings = SettingsOf<typeof azureCredentialSettings>;
