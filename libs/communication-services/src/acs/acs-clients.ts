import { CommunicationIdentityClient } from '@azure/communication-identity';
import type { Pipeline, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { OutboundHttp } from '#libs/platform';
import { AzureCredential, AzureFault, SecretStore } from '#libs/secrets';
import type { CommunicationResource } from '../resources/communication-resources.js';
import type { CommunicationServicesSettings } from '../settings.js';
import { accessKeyOf } from './acs-credential.js';
import { acsPipeline, signWith } from './acs-pipeline.js';
import { AcsAssignmentClient } from './acs-assignment-client.js';
import { AcsExchangeClient } from './acs-exchange-client.js';
import { UndiciHttpClient } from './undici-http-client.js';
import { CredentialUnavailable } from './upstream-failure.js';

/** A client for one resource and one version of its credential. */
export interface AcsConnection {
  readonly client: CommunicationIdentityClient;
  readonly assignments: AcsAssignmentClient;
  /** Absent with an Entra credential. */
  readonly secretVersion: string | undefined;
}

/** A client for one resource, without a credential. */
export interface UnsignedConnection {
  readonly exchanges: AcsExchangeClient;
}

const REFUSED = 'acs-credential-refused';

/** The SDK's clients: one for each resource, renewed with its secret. */
export class AcsClients {
  readonly #connections = new Map<string, AcsConnection>();
  readonly #unsignedPipeline = acsPipeline();
  readonly #httpClient: UndiciHttpClient;

  constructor(
    private readonly settings: Pick<
      CommunicationServicesSettings,
      'connections' | 'timeoutMs' | 'tokenScope' | 'teamsPhoneVersion'
    >,
    private readonly secrets: SecretStore,
    private readonly azureCredential: AzureCredential,
    outbound: OutboundHttp,
  ) {
    this.#httpClient = new UndiciHttpClient(outbound.dispatcher(settings));
  }

  /** @returns the client with the newest secret that the secret store knows */
  async of(resource: CommunicationResource): Promise<AcsConnection> {
    const { credentialSecret } = resource;
    if (credentialSecret === undefined) return this.#withVersion(resource, undefined, '');
    return this.secrets.readParsed(credentialSecret, ({ version, value }) =>
      this.#withVersion(resource, version, value),
    );
  }

  /**
   * Another credential after ACS refused one: a newer version, or the last one that ACS took.
   *
   * @returns `undefined` when there is none
   */
  async insteadOf(
    refused: AcsConnection,
    resource: CommunicationResource,
  ): Promise<AcsConnection | undefined> {
    const { credentialSecret } = resource;
    if (credentialSecret === undefined) return undefined;
    const { secretVersion = '' } = refused;
    const secret = await this.secrets.insteadOf(credentialSecret, secretVersion, REFUSED);
    return secret && this.#withVersion(resource, secret.version, secret.value);
  }

  /** @returns the client for calls with the tokens of users */
  unsigned({ endpoint }: CommunicationResource): UnsignedConnection {
    return {
      exchanges: new AcsExchangeClient(endpoint, this.#senderThrough(this.#unsignedPipeline)),
    };
  }

  async close(): Promise<void> {
    await this.#httpClient.close();
  }

  #withVersion(
    resource: CommunicationResource,
    secretVersion: string | undefined,
    value: string,
  ): AcsConnection {
    const existing = this.#connections.get(resource.name);
    if (existing?.secretVersion === secretVersion && existing) return existing;
    const { endpoint } = resource;
    // Without policies that repeat a call: `AcsCaller` does, and a repeated create would leave an orphan.
    const pipeline = acsPipeline();
    const options = { httpClient: this.#httpClient, pipeline };
    let client: CommunicationIdentityClient;
    if (secretVersion === undefined) {
      const credential = marked(this.azureCredential, this.settings.tokenScope);
      client = new CommunicationIdentityClient(endpoint, credential, options);
    } else {
      const key = accessKeyOf(resource, value);
      client = new CommunicationIdentityClient(endpoint, { key }, options);
      signWith(key, pipeline);
    }
    // The SDK has added the policy that signs or signs in to the pipeline.
    const send = this.#senderThrough(pipeline);
    const assignments = new AcsAssignmentClient(endpoint, this.settings.teamsPhoneVersion, send);
    const connection = { client, assignments, secretVersion };
    this.#connections.set(resource.name, connection);
    return connection;
  }

  #senderThrough(pipeline: Pipeline): (request: PipelineRequest) => Promise<PipelineResponse> {
    return async (request) => pipeline.sendRequest(this.#httpClient, request);
  }
}

/**
 * Marks a failed sign-in to Azure, so that it differs from a failed call to ACS. The SDK itself knows the
 * scope of the public cloud only.
 */
function marked(credential: AzureCredential, scope: string): Pick<AzureCredential, 'getToken'> {
  return {
    getToken: async (_scopes, options) => {
      try {
        return await credential.getToken(scope, options);
      } catch (error) {
        throw new CredentialUnavailable(new AzureFault(error));
      }
    },
  };
}
