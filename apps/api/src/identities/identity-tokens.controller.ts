import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdentityMappingService } from '#libs/identity-mapping';
import { TokenIssuanceService } from '#libs/token-issuance';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import {
  revocationResponse,
  type RevocationResponse,
  toRevocationResponse,
} from '../me/revocation-response.js';
import { setSunsetHeaders, SUNSET_HEADERS } from '../me/sunset-headers.js';
import { type TokenRequest, tokenRequest } from '../me/token-request.js';
import { TokenRequestPipe } from '../me/token-request.pipe.js';
import { tokenResponse, type TokenResponse, toTokenResponse } from '../me/token-response.js';
import { identityId } from './identity-requests.js';

/** Tokens of identities other than the caller's own, within the caller's tenant. */
@ApiTags('identities')
@Controller('v1/identities/:id/tokens')
export class IdentityTokensController {
  constructor(
    private readonly tokens: TokenIssuanceService,
    private readonly mappings: IdentityMappingService,
  ) {}

  @Post()
  @Endpoint({
    permission: 'CommunicationToken.Issue.All',
    workload: 'issuing',
    summary: 'Issues an ACS access token for an identity of the caller’s tenant',
    optionalBody: tokenRequest,
    responses: { 200: tokenResponse },
    headers: SUNSET_HEADERS,
    problems: [404, 409, 413, 415],
  })
  async issue(
    @Param('id', { schema: identityId }) id: string,
    @Body(TokenRequestPipe) options: TokenRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenResponse> {
    const issued = await this.tokens.issueForMapping(id, options, call);
    setSunsetHeaders(reply, issued.sunsets);
    return toTokenResponse(issued);
  }

  @Post('revoke')
  @Endpoint({
    permission: 'CommunicationToken.Revoke.All',
    workload: 'issuing',
    summary: 'Revokes all ACS tokens of an identity; issues none until ACS has confirmed it',
    responses: { 202: revocationResponse },
    problems: [404, 409],
  })
  async revoke(
    @Param('id', { schema: identityId }) id: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<RevocationResponse> {
    const { tenant } = call.actor;
    return toRevocationResponse(await this.mappings.revokeTokens({ id, tenant }, call));
  }
}
