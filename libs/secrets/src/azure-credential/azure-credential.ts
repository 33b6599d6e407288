import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity';
import type { OutboundHttp } from '#libs/platform';
import {
  AzureHttpClient,
  explainNetworkFailures,
  OWN_PROXY_RULES,
} from '../azure-http/azure-http-client.js';
import type { AzureCredentialSettings } from './settings.js';

/** The identity of this process in Azure. One instance per process, so that its tokens are shared. */
export abstract class AzureCredential implements TokenCredential {
  abstract getToken(
    scopes: string | string[],
    options?: GetTokenOptions,
  ): Promise<AccessToken | null>;

  /** Makes the next tokens new ones, as far as the credential allows it. By default it does nothing. */
  forgetTokens(): void {
    return;
  }
}

/** Authorities that Microsoft's instance discovery accepts. It rejects all others. */
const KNOWN_AUTHORITIES = new Set([
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
  'login.windows.net',
  'login.microsoft.com',
  'sts.windows.net',
]);

/** Of a request for a token. Callers wait no longer than their own deadlines. */
const TIMEOUT_MS = 30_000;
/** Of a connection for it: what the log says of one that can not be opened comes soon. */
const CONNECT_TIMEOUT_MS = 5_000;

/** The credential of `@azure/identity` that the settings select. The SDK reads further `AZURE_` variables. */
export class SdkAzureCredential extends AzureCredential {
  #credential: Promise<TokenCredential> | undefined;

  constructor(
    private readonly settings: AzureCredentialSettings,
    private readonly outbound: OutboundHttp,
  ) {
    super();
  }

  async getToken(
    scopes: string | string[],
    options?: GetTokenOptions,
  ): Promise<AccessToken | null> {
    this.#credential ??= this.#load();
    const credential = await this.#credential;
    return explainNetworkFailures(async () => credential.getToken(scopes, options));
  }

  /** The SDK has no way to renew tokens. It keeps those of managed identities for the whole process. */
  override forgetTokens(): void {
    this.#credential = undefined;
  }

  /** Loads the SDK on first use, because it takes long to load. */
  async #load(): Promise<TokenCredential> {
    const sdk = await import('@azure/identity');
    const { authorityHost, clientId } = this.settings;
    const disableInstanceDiscovery = !KNOWN_AUTHORITIES.has(new URL(authorityHost).hostname);
    const options = {
      ...OWN_PROXY_RULES,
      httpClient: new AzureHttpClient(this.outbound, TIMEOUT_MS, CONNECT_TIMEOUT_MS),
      authorityHost,
      disableInstanceDiscovery,
      retryOptions: { maxRetries: 1 },
    };
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
