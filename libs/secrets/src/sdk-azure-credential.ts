import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity';
import { AzureCredential } from './azure-credential.js';
import type { SecretsSettings } from './secrets-settings.js';

/** Authorities that Microsoft's instance discovery knows; any other would be refused by it. */
const KNOWN_AUTHORITIES = new Set([
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
  'login.windows.net',
  'login.microsoft.com',
  'sts.windows.net',
]);

/** The credential that the settings name. The SDK reads the rest of the `AZURE_` variables itself. */
export class SdkAzureCredential extends AzureCredential {
  #credential: Promise<TokenCredential> | undefined;

  constructor(private readonly settings: SecretsSettings) {
    super();
  }

  async getToken(
    scopes: string | string[],
    options?: GetTokenOptions,
  ): Promise<AccessToken | null> {
    this.#credential ??= this.#load();
    const credential = await this.#credential;
    return credential.getToken(scopes, options);
  }

  /** Loads the SDK on first use: that takes a good part of the process's start otherwise. */
  async #load(): Promise<TokenCredential> {
    const sdk = await import('@azure/identity');
    const { authorityHost, clientId } = this.settings;
    const disableInstanceDiscovery = !KNOWN_AUTHORITIES.has(new URL(authorityHost).hostname);
    const options = { authorityHost, disableInstanceDiscovery, retryOptions: { maxRetries: 1 } };
    const client = clientId === undefined ? {} : { clientId };
    switch (this.settings.credential) {
      case 'default':
        return new sdk.DefaultAzureCredential({
          ...options,
          ...(clientId !== undefined && {
            managedIdentityClientId: clientId,
            workloadIdentityClientId: clientId,
          }),
        });
      case 'managed-identity':
        return new sdk.ManagedIdentityCredential({ ...options, ...client });
      case 'environment':
        return new sdk.EnvironmentCredential(options);
      case 'workload-identity':
        return new sdk.WorkloadIdentityCredential({ ...options, ...client });
    }
  }
}
