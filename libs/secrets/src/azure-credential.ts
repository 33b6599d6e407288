import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity';

/** Who this process is to Azure. One for the process, so that its tokens are shared. */
export abstract class AzureCredential implements TokenCredential {
  abstract getToken(
    scopes: string | string[],
    options?: GetTokenOptions,
  ): Promise<AccessToken | null>;
}
