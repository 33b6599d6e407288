import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { ClientExchange } from '../communication-identity-gateway.js';
import { type AcsRequest, type CallOptions, sendRequest } from './acs-request.js';

/** The paths that Microsoft's client library posts to. */
const PATHS: Readonly<Record<ClientExchange, string>> = {
  'teams-extension': '/access/teamsExtension/:exchangeAccessToken',
  entra: '/access/entra/:exchangeAccessToken',
};

/**
 * The exchanges of users' Entra tokens. The user's token authorizes the request, so that it is not signed.
 * Rejects as the SDK's client does: with a `RestError` for an error response.
 */
export class AcsExchangeClient {
  /** @param send through a pipeline without a credential */
  constructor(
    private readonly endpoint: string,
    private readonly send: (request: PipelineRequest) => Promise<PipelineResponse>,
  ) {}

  async exchange(
    {
      exchange,
      version,
      entraToken,
    }: Record<'version' | 'entraToken', string> & {
      readonly exchange: ClientExchange;
    },
    options: CallOptions,
  ): Promise<unknown> {
    const request: AcsRequest = {
      method: 'POST',
      url: `${this.endpoint}${PATHS[exchange]}?api-version=${version}`,
      headers: { authorization: `Bearer ${entraToken}` },
      content: {},
    };
    return sendRequest(this.send, request, options);
  }
}
