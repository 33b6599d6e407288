import { Body, Controller, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ClientExchangeService } from '#libs/token-issuance';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { OpenToBrowsers } from '../http/open-to-browsers.js';
import {
  bearerOf,
  clientExchangeBody,
  type ClientExchangeResponse,
  clientExchangeResponse,
  entraVersion,
  teamsExtensionVersion,
  toClientExchangeResponse,
  type VersionQuery,
} from './client-exchange-messages.js';

/** Two colons stand for one that begins no parameter. */
const PATH = '::exchangeAccessToken';

/** What the client library sends from a page in addition to what every program does. */
const SDK_HEADERS = ['x-ms-client-request-id', 'x-ms-useragent'];

/** The exchange of Teams Phone extensibility, as Microsoft's client library requests it. */
@ApiTags('client-exchange')
@OpenToBrowsers({ requestHeaders: SDK_HEADERS })
@Controller('access/teamsExtension')
export class TeamsExtensionExchangeController {
  constructor(private readonly exchanges: ClientExchangeService) {}

  @Post(PATH)
  @Endpoint({
    exchange: 'teams-extension',
    workload: 'issuing',
    summary: 'Exchanges the Entra token of a user of Teams Phone extensibility for an ACS token',
    description:
      'For `AzureCommunicationTokenCredential` of Microsoft’s client library. ACS decides by the assignment of the user. Exists where `CLIENT_EXCHANGES` names teams-extension.',
    operationId: 'teamsExtension.exchange',
    optionalBody: clientExchangeBody,
    responses: { 200: clientExchangeResponse },
    problems: [409, 413, 415],
  })
  async exchange(
    @Query({ schema: teamsExtensionVersion }) query: VersionQuery,
    @Body({ schema: clientExchangeBody }) _body: unknown,
    @Req() request: FastifyRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<ClientExchangeResponse> {
    const wanted = { exchange: 'teams-extension', ...readRequest(query, request) } as const;
    return toClientExchangeResponse(await this.exchanges.exchange(wanted, call));
  }
}

/** The exchange of Entra users directly, a preview of Microsoft's. */
@ApiTags('client-exchange')
@OpenToBrowsers({ requestHeaders: SDK_HEADERS })
@Controller('access/entra')
export class EntraExchangeController {
  constructor(private readonly exchanges: ClientExchangeService) {}

  @Post(PATH)
  @Endpoint({
    exchange: 'entra',
    workload: 'issuing',
    summary: 'Exchanges the Entra token of a user for an ACS token (preview of ACS)',
    description:
      'For `AzureCommunicationTokenCredential` of Microsoft’s client library. Exists where `CLIENT_EXCHANGES` names entra.',
    operationId: 'entra.exchange',
    optionalBody: clientExchangeBody,
    responses: { 200: clientExchangeResponse },
    problems: [409, 413, 415],
  })
  async exchange(
    @Query({ schema: entraVersion }) query: VersionQuery,
    @Body({ schema: clientExchangeBody }) _body: unknown,
    @Req() request: FastifyRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<ClientExchangeResponse> {
    const wanted = { exchange: 'entra', ...readRequest(query, request) } as const;
    return toClientExchangeResponse(await this.exchanges.exchange(wanted, call));
  }
}

function readRequest(
  { 'api-version': version }: VersionQuery,
  { headers }: FastifyRequest,
): { readonly version: string; readonly entraToken: string } {
  return { version, entraToken: bearerOf(headers) };
}
