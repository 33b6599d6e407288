import { CommunicationIdentityClient } from '@azure/communication-identity';
import { AzureCredential, AzureFault, SecretStore } from '#libs/secrets';
import { accessKeyOf } from './acs-credential.js';
import type { CommunicationResource } from '../resources/communication-resources.js';
import type { CommunicationServicesSettings } from '../settings.js';
import { NoCredential } from './upstream-failure.js';
import { UndiciHttpClient } from './undici-http-client.js';

/** A client of one resource, made with one version of its credential. */
export interface AcsConnection {
  readonly client: CommunicationIdentityClient;
  /** Absent with an Entra credential. */
  readonly secretVersion: string | undefined;
}

/** One client for each resource and version of its secret. */
export class AcsClients {
  readonly #connections = new Map<string, AcsConnection>();
  readonly #httpClient: UndiciHttpClient;

  constructor(
    settings: Pick<CommunicationServicesSettings, 'connections' | 'timeoutMs'>,
    private readonly secrets: SecretStore,
    private readonly azureCredential: AzureCredential,
  ) {
    this.#httpClient = new UndiciHttpClient(settings);
  }

  /** The client with the secret that is the newest as far as is known. */
  async of(resource: CommunicationResource): Promise<AcsConnection> {
    const { credentialSecret } = resource;
    if (credentialSecret === undefined) return this.#withVersion(resource, undefined, '');
    const secret = await this.secrets.read(credentialSecret);
    return this.#withVersion(resource, secret.version, secret.value);
  }

  /**
   * Looks for a newer secret after ACS refused the one in use.
   *
   * @returns `undefined` when there is none
   */
  async newerThan(
    refused: AcsConnection,
    resource: CommunicationResource,
  ): Promise<AcsConnection | undefined> {
    const { credentialSecret } = resource;
    if (credentialSecret === undefined) return undefined;
    const secret = await this.secrets.reread(credentialSecret);
    if (secret.version === refused.secretVersion) return undefined;
    return this.#withVersion(resource, secret.version, secret.value);
  }

  async close(): Promise<void> {
    await this.#httpClient.close();
  }

  #withVersion(
    resource: CommunicationResource,
    secretVersion: string | undefined,
    value: string,
  ): AcsConnection {
    const known = this.#connections.get(resource.name);
    if (known?.secretVersion === secretVersion && known) return known;
    const options = {
      httpClient: this.#httpClient,
      // Whether a call may be repeated is for the gateway to say: a repeated create makes an orphan.
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
      userAgentOptions: { userAgentPrefix: 'acs-identity' },
    };
    const { endpoint } = resource;
    const client =
      secretVersion === undefined
        ? new CommunicationIdentityClient(endpoint, told(this.azureCredential), options)
        : new CommunicationIdentityClient(endpoint, { key: accessKeyOf(resource, value) }, options);
    const connection = { client, secretVersion };
    this.#connections.set(resource.name, connection);
    return connection;
  }
}

/** Tells a failed sign-in to Azure from a failed call to ACS. */
function told(credential: AzureCredential): Pick<AzureCredential, 'getToken'> {
  return {
    getToken: async (scopes, options) => {
      try {
        return await credential.getToken(scopes, options);
      } catch (error) {
        throw new NoCredential(new AzureFault(error));
      }
    },
  };
}
