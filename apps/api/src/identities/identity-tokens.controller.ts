import { Body, Controller, Header, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentPrincipal, RequirePermission } from '#libs/authentication';
import { IdentityMappingService } from '#libs/identity-mapping';
import type { Principal, RequestContext } from '#libs/platform';
import { TokenIssuanceService } from '#libs/token-issuance';
import { ApiJson } from '../http/api-responses.js';
import { jsonSchemaOf } from '../http/json-schema.js';
import { AbortableRequest } from '../http/abortable-request.js';
import {
  revocationResponse,
  type RevocationResponse,
  toRevocationResponse,
} from '../me/revocation-response.js';
import { warnOfSunsets } from '../me/sunset-headers.js';
import { type TokenRequest, tokenRequest } from '../me/token-request.js';
import { TokenRequestPipe } from '../me/token-request.pipe.js';
import { tokenResponse, type TokenResponse, toTokenResponse } from '../me/token-response.js';

const identityId = z.uuid('must be the UUID of an identity').toLowerCase();

/** Tokens of identities other than the caller's own, within the caller's tenant. */
@ApiTags('identities')
@Controller('v1/identities/:id/tokens')
export class IdentityTokensController {
  constructor(
    private readonly tokens: TokenIssuanceService,
    private readonly mappings: IdentityMappingService,
  ) {}

  @Post()
  @RequirePermission('CommunicationToken.Issue.All')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Issues an ACS access token for a mapped identity of the caller’s tenant',
  })
  @ApiBody({ required: false, schema: jsonSchemaOf(tokenRequest) })
  @ApiJson(200, tokenResponse, 400, 401, 403, 404, 409, 413, 415, 429, 503)
  async issue(
    @Param('id', { schema: identityId }) id: string,
    @Body(TokenRequestPipe) wish: TokenRequest,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenResponse> {
    const issued = await this.tokens.issueForMapping(id, wish, { actor, request });
    warnOfSunsets(reply, issued.sunsets);
    return toTokenResponse(issued);
  }

  @Post('revoke')
  @RequirePermission('CommunicationToken.Revoke.All')
  @HttpCode(202)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Revokes all ACS tokens of an identity; none is issued until ACS has confirmed it',
  })
  @ApiJson(202, revocationResponse, 400, 401, 403, 404, 409, 429, 503)
  async revoke(
    @Param('id', { schema: identityId }) id: string,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
  ): Promise<RevocationResponse> {
    const { tenant } = actor;
    return toRevocationResponse(
      await this.mappings.revokeTokens({ id, tenant }, { actor, request }),
    );
  }
}
