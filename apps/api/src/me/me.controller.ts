import { Body, Controller, Get, Header, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  CurrentPrincipal,
  CurrentRequest,
  type Principal,
  RequirePermission,
} from '#libs/authentication';
import { IdentityMappingService } from '#libs/identity-mapping';
import type { RequestContext } from '#libs/platform';
import { TokenIssuanceService } from '#libs/token-issuance';
import { Answers } from '../http/answers.js';
import { jsonSchemaOf } from '../http/json-schema.js';
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
  @Answers(200, tokenResponse, 400, 401, 403, 409, 413, 415, 429, 503)
  async issueToken(
    @Body(TokenRequestPipe) wish: TokenRequest,
    @CurrentPrincipal() principal: Principal,
    @CurrentRequest() request: RequestContext,
  ): Promise<TokenResponse> {
    return toTokenResponse(await this.tokens.issueForCaller(principal, wish, request));
  }

  @Get('identity')
  @RequirePermission('CommunicationToken.Issue')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Tells which communication identity is mapped to the caller' })
  @Answers(200, callerIdentity, 401, 403, 404, 503)
  async identity(
    @CurrentPrincipal() { tenant, subject, kind }: Principal,
  ): Promise<CallerIdentity> {
    return toCallerIdentity(await this.mappings.find({ tenant, subject, kind }));
  }
}
