import { z } from 'zod';

/** The addresses of one cloud of Azure. */
export interface AzureCloud {
  readonly name: string;
  /** https origin of Entra */
  readonly authority: string;
  /** Hosts of Entra; a host below them belongs to the cloud as well. */
  readonly authorityHosts: readonly string[];
  /** The domain of its key vaults. */
  readonly keyVaultDomain: string;
  /** The domain of its ACS resources. */
  readonly communicationDomain: string;
  /** Scope of tokens that sign in to its PostgreSQL servers, as the Azure CLI has it. */
  readonly databaseScope: string;
}

/** Named as the Azure CLI names them. */
export const AZURE_CLOUDS: readonly [AzureCloud, ...AzureCloud[]] = [
  {
    name: 'AzureCloud',
    authority: 'https://login.microsoftonline.com',
    authorityHosts: ['login.microsoftonline.com', 'login.windows.net', 'login.microsoft.com'],
    keyVaultDomain: 'vault.azure.net',
    communicationDomain: 'communication.azure.com',
    databaseScope: 'https://ossrdbms-aad.database.windows.net/.default',
  },
  {
    name: 'AzureUSGovernment',
    authority: 'https://login.microsoftonline.us',
    authorityHosts: ['login.microsoftonline.us'],
    keyVaultDomain: 'vault.usgovcloudapi.net',
    communicationDomain: 'communication.azure.us',
    databaseScope: 'https://ossrdbms-aad.database.usgovcloudapi.net/.default',
  },
  {
    name: 'AzureChinaCloud',
    authority: 'https://login.partner.microsoftonline.cn',
    authorityHosts: ['login.partner.microsoftonline.cn', 'login.chinacloudapi.cn'],
    keyVaultDomain: 'vault.azure.cn',
    communicationDomain: 'communication.azure.cn',
    databaseScope: 'https://ossrdbms-aad.database.chinacloudapi.cn/.default',
  },
];

const [PUBLIC_CLOUD] = AZURE_CLOUDS;

/** The name of a cloud, in any case. */
export const azureCloudName = z.string().transform((text, context) => {
  const cloud = AZURE_CLOUDS.find(({ name }) => name.toLowerCase() === text.toLowerCase());
  if (cloud !== undefined) return cloud.name;
  context.addIssue(`must be ${AZURE_CLOUDS.map(({ name }) => name).join(', ')}`);
  return z.NEVER;
});

/**
 * The cloud that `AZURE_CLOUD` names; the public one for a name that is unknown, which the settings of the
 * platform report.
 */
export function azureCloudOf(variables: Readonly<Record<string, unknown>>): AzureCloud {
  const name = azureCloudName.safeParse(variables.AZURE_CLOUD).data;
  return AZURE_CLOUDS.find((cloud) => cloud.name === name) ?? PUBLIC_CLOUD;
}

/** The cloud to which a host belongs for certain. @returns `undefined` for any other host */
export function azureCloudOfHost(host: string): AzureCloud | undefined {
  return AZURE_CLOUDS.find(({ authorityHosts, keyVaultDomain, communicationDomain }) =>
    [...authorityHosts, keyVaultDomain, communicationDomain].some(
      (domain) => host === domain || host.endsWith(`.${domain}`),
    ),
  );
}
