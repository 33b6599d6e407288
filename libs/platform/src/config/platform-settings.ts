import { z } from 'zod';
import { azureCloudName } from './azure-clouds.js';
import { proxySettingsOf, proxyVariables } from '../outbound/proxy-variables.js';
import { ADVANCED, defineSettings, type SettingsOf, SHARED } from './settings.js';

/** The log level of the process, its cloud and its proxy. */
export const platformSettings = defineSettings(
  'platform',
  z
    .object({
      LOG_LEVEL: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'], {
          error: 'must be debug, info, warn, error or silent',
        })
        .default('info')
        .describe('the least serious lines that are logged: debug, info, warn, error or silent'),
      AZURE_CLOUD: azureCloudName
        .prefault('AzureCloud')
        .describe(
          'cloud of Azure, AzureCloud, AzureUSGovernment or AzureChinaCloud; the defaults of ENTRA_AUTHORITY, AZURE_AUTHORITY_HOST, ACS_TOKEN_SCOPE and DATABASE_ENTRA_SCOPE depend on it',
        )
        .meta(ADVANCED),
      ...proxyVariables,
      NODE_EXTRA_CA_CERTS: z
        .string()
        .optional()
        .describe(
          'file with certificates of authorities, PEM, that outgoing TLS connections trust besides those of Node.js; read again when it changes',
        )
        .meta({ ...ADVANCED, ...SHARED }),
      NODE_TLS_REJECT_UNAUTHORIZED: z
        .string()
        .refine((text) => text !== '0', 'must not be 0, which trusts every TLS server unverified')
        .optional()
        .describe(
          'leave it out: 0, which switches the verification of TLS off in Node.js, is refused; a CA that is not known to Node.js belongs in the file of NODE_EXTRA_CA_CERTS',
        )
        .meta({ ...ADVANCED, ...SHARED }),
    })
    // The endpoints of managed identities are no settings of this service.
    .catchall(z.string()),
  (variables) => ({
    logLevel: variables.LOG_LEVEL,
    proxies: proxySettingsOf(variables),
    extraAuthoritiesFile: variables.NODE_EXTRA_CA_CERTS,
  }),
);

export type PlatformSettings = SettingsOf<typeof platformSettings>;
