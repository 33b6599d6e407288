import { Body, Controller, Get, Header, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal, RequirePermission } from '#libs/authentication';
import { IdentityMappingService } from '#libs/identity-mapping';
import type { Principal, RequestContext } from '#libs/platform';
import { TeamsExchangeService, TokenIssuanceService } from '#libs/token-issuance';
import { ApiJson } from '../http/api-responses.js';
import { jsonSchemaOf } from '../http/json-schema.js';
import { AbortableRequest } from '../http/abortable-request.js';
import {
  revocationResponse,
  type RevocationResponse,
  toRevocationResponse,
} from './revocation-response.js';
import { warnOfSunsets } from './sunset-headers.js';
import {
  teamsTokenRequest,
  type TeamsTokenRequest,
  teamsTokenResponse,
  type TeamsTokenResponse,
  toTeamsTokenResponse,
} from './teams-token.js';
import { type TokenRequest, tokenRequest } from './token-request.js';
import { TokenRequestPipe } from './token-request.pipe.js';
import {
  type CallerIdentity,
  callerIdentity,
  toCallerIdentity,
  tokenResponse,
  type TokenResponse,
  toTokenResponse,
} from './token-response.js';

/** What callers do for themselves. */
@ApiTags('me')
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly tokens: TokenIssuanceService,
    private readonly teams: TeamsExchangeService,
    private readonly mappings: IdentityMappingService,
  ) {}

  @Post('tokens')
  @RequirePermission('CommunicationToken.Issue')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Issues an ACS access token for the caller, whose identity is created on first use',
  })
  @ApiBody({ required: false, schema: jsonSchemaOf(tokenRequest) })
  @ApiJson(200, tokenResponse, 400, 401, 403, 409, 413, 415, 429, 503)
  async issueToken(
    @Body(TokenRequestPipe) wish: TokenRequest,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenResponse> {
    const issued = await this.tokens.issueForCaller(wish, { actor, request });
    warnOfSunsets(reply, issued.sunsets);
    return toTokenResponse(issued);
  }

  @Post('tokens/revoke')
  @RequirePermission('CommunicationToken.Issue')
  @HttpCode(202)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Revokes all ACS tokens of the caller; none is issued until ACS has confirmed it',
  })
  @ApiJson(202, revocationResponse, 401, 403, 404, 409, 429, 503)
  async revokeTokens(
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
  ): Promise<RevocationResponse> {
    return toRevocationResponse(await this.mappings.revokeOwnTokens({ actor, request }));
  }

  @Post('sign-out')
  @RequirePermission('CommunicationToken.Issue')
  @HttpCode(202)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Ends the caller’s session: as revoking, but no fault when there is nothing to revoke',
  })
  @ApiJson(202, revocationResponse, 401, 403, 409, 429, 503)
  async signOut(
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
  ): Promise<RevocationResponse> {
    return toRevocationResponse(await this.mappings.signOut({ actor, request }));
  }

  @Post('teams-tokens')
  @RequirePermission('CommunicationToken.Issue', { delegatedOnly: true })
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Exchanges the Entra token of the caller, a Teams user, for an ACS token',
    description:
      'Whose token it must be, and got by which application, is taken from the caller’s own access token.',
  })
  @ApiJson(200, teamsTokenResponse, 400, 401, 403, 409, 413, 415, 429, 503)
  async exchangeTeamsToken(
    @Body({ schema: teamsTokenRequest }) { teamsUserToken }: TeamsTokenRequest,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
  ): Promise<TeamsTokenResponse> {
    return toTeamsTokenResponse(await this.teams.exchange(teamsUserToken, { actor, request }));
  }

  @Get('identity')
  @RequirePermission('CommunicationToken.Issue')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Tells which communication identity is mapped to the caller' })
  @ApiJson(200, callerIdentity, 401, 403, 404, 503)
  async identity(
    @CurrentPrincipal() { tenant, subject, kind }: Principal,
  ): Promise<CallerIdentity> {
    return toCallerIdentity(await this.mappings.find({ tenant, subject, kind }));
  }
}
