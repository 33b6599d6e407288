import { Body, Controller, Get, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AuditLogService } from '#libs/audit';
import { IdentityMappingService } from '#libs/identity-mapping';
import { TeamsExchangeService, TokenIssuanceService } from '#libs/token-issuance';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { OpenToBrowsers } from '../http/open-to-browsers.js';
import { callerResponse, type CallerResponse, toCallerResponse } from './caller-response.js';
import {
  revocationResponse,
  type RevocationResponse,
  toRevocationResponse,
} from './revocation-response.js';
import { setSunsetHeaders, SUNSET_HEADERS } from './sunset-headers.js';
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

/** Operations of callers on their own identity. */
@ApiTags('me')
@OpenToBrowsers()
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly tokens: TokenIssuanceService,
    private readonly teams: TeamsExchangeService,
    private readonly mappings: IdentityMappingService,
    private readonly auditLog: AuditLogService,
  ) {}

  @Get()
  @Endpoint({
    isForSignedIn: true,
    workload: 'issuing',
    summary: 'Returns the caller and its permissions, as a web page needs them; not recorded',
    responses: { 200: callerResponse },
  })
  caller(@CurrentCall() { actor }: CurrentCall): CallerResponse {
    return toCallerResponse(actor, this.auditLog.isHomeTenant(actor));
  }

  @Post('tokens')
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary:
      'Issues an ACS access token for the caller; creates the caller’s identity on first use',
    optionalBody: tokenRequest,
    responses: { 200: tokenResponse },
    headers: SUNSET_HEADERS,
    problems: [409, 413, 415],
  })
  async issueToken(
    @Body(TokenRequestPipe) options: TokenRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenResponse> {
    const issued = await this.tokens.issueForCaller(options, call);
    setSunsetHeaders(reply, issued.sunsets);
    return toTokenResponse(issued);
  }

  @Post('tokens/revoke')
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary: 'Revokes all ACS tokens of the caller; issues none until ACS has confirmed it',
    responses: { 202: revocationResponse },
    problems: [404, 409],
  })
  async revokeTokens(@CurrentCall() call: CurrentCall): Promise<RevocationResponse> {
    return toRevocationResponse(await this.mappings.revokeOwnTokens(call));
  }

  @Post('sign-out')
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary:
      'Signs the caller out: revokes all tokens, and succeeds when there is nothing to revoke',
    responses: { 202: revocationResponse },
    problems: [409],
  })
  async signOut(@CurrentCall() call: CurrentCall): Promise<RevocationResponse> {
    return toRevocationResponse(await this.mappings.signOut(call));
  }

  @Post('teams-tokens')
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    delegatedOnly: true,
    summary: 'Exchanges the Entra token of the caller, a Teams user, for an ACS token',
    description:
      'The token must be of the same user and the same client application as the caller’s access token.',
    responses: { 200: teamsTokenResponse },
    problems: [409, 413, 415],
  })
  async exchangeTeamsToken(
    @Body({ schema: teamsTokenRequest }) { teamsUserToken }: TeamsTokenRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<TeamsTokenResponse> {
    return toTeamsTokenResponse(await this.teams.exchange(teamsUserToken, call));
  }

  @Get('identity')
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary: 'Returns the communication identity of the caller',
    responses: { 200: callerIdentity },
    problems: [404],
  })
  async identity(@CurrentCall() call: CurrentCall): Promise<CallerIdentity> {
    return toCallerIdentity(await this.mappings.showOwn(call));
  }
}
