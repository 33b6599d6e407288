import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal, CurrentRequest, RequirePermission } from '#libs/authentication';
import { IdentityAdministrationService, IdentityLinking } from '#libs/identity-mapping';
import type { Principal, RequestContext } from '#libs/platform';
import { AbortableRequest } from '../http/abortable-request.js';
import { ApiJson } from '../http/api-responses.js';
import {
  type ErasureRequest,
  erasureRequest,
  identityId,
  type IdentityRequest,
  identityRequest,
  type IdentitySearch,
  identitySearch,
  type IdentityUpdate,
  identityUpdate,
  idOfCursor,
  type LookupRequest,
  lookupRequest,
} from './identity-requests.js';
import {
  erasureResponse,
  type ErasureResponse,
  type IdentityPage,
  identityPage,
  type IdentityResponse,
  identityResponse,
  lookupResponse,
  type LookupResponse,
  toErasure,
  toIdentity,
  toLookup,
  toPage,
} from './identity-responses.js';
import { IfMatch, tagWith } from './if-match.js';

const ifMatch = {
  name: 'if-match',
  required: false,
  description: 'The `ETag` that was read. Left out: whichever version there is.',
};

/** The mappings of the caller's own tenant. */
@ApiTags('identities')
@Controller('v1/identities')
export class IdentitiesController {
  constructor(
    private readonly administration: IdentityAdministrationService,
    private readonly linking: IdentityLinking,
  ) {}

  @Post()
  @RequirePermission('CommunicationIdentity.ReadWrite.All')
  @HttpCode(201)
  @ApiOperation({
    summary: 'Gives the identity of someone, created or linked when there is none: 201, else 200',
  })
  @ApiJson(200, identityResponse)
  @ApiJson(201, identityResponse, 400, 401, 403, 409, 413, 415, 429, 503)
  async create(
    @Body({ schema: identityRequest }) asked: IdentityRequest,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const who = { actor, request };
    const tenant = await this.administration.requireOwnTenant(asked.tenant, who);
    const { mapping, isNew } = await this.linking.createOrGet({ ...asked, tenant }, who);
    tagWith(reply.code(isNew ? 201 : 200), mapping);
    return toIdentity(mapping);
  }

  @Get()
  @RequirePermission('CommunicationIdentity.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Lists and searches identities, oldest first, a page at a time' })
  @ApiJson(200, identityPage, 400, 401, 403, 503)
  async list(
    @Query({ schema: identitySearch }) { limit, cursor, ...filters }: IdentitySearch,
    @CurrentPrincipal() { tenant }: Principal,
  ): Promise<IdentityPage> {
    const after = cursor === undefined ? undefined : idOfCursor(cursor);
    const search = { ...filters, tenant, after, limit: Number(limit) };
    return toPage(await this.administration.search(search));
  }

  @Post('lookup')
  @RequirePermission('CommunicationIdentity.Read.All')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Tells whom up to 100 communication identities belong to' })
  @ApiJson(200, lookupResponse, 400, 401, 403, 413, 415, 503)
  async lookUp(
    @Body({ schema: lookupRequest }) { communicationUserIds }: LookupRequest,
    @CurrentPrincipal() actor: Principal,
    @CurrentRequest() request: RequestContext,
  ): Promise<LookupResponse> {
    const who = { actor, request };
    const found = await this.administration.lookUp(communicationUserIds, actor.tenant, who);
    return toLookup(communicationUserIds, found);
  }

  @Post('erase')
  @RequirePermission('CommunicationIdentity.ReadWrite.All')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Deletes all identities of someone, in every ACS resource; 202 while ACS has not confirmed all',
  })
  @ApiJson(202, erasureResponse)
  @ApiJson(200, erasureResponse, 400, 401, 403, 413, 415, 503)
  async erase(
    @Body({ schema: erasureRequest }) asked: ErasureRequest,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasureResponse> {
    const who = { actor, request };
    const tenant = await this.administration.requireOwnTenant(asked.tenant, who);
    const report = await this.administration.erase({ tenant, subject: asked.subject }, who);
    void reply.code(report.isComplete ? 200 : 202);
    return toErasure(report);
  }

  @Get(':id')
  @RequirePermission('CommunicationIdentity.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Reads an identity, a deleted one too' })
  @ApiJson(200, identityResponse, 400, 401, 403, 404, 503)
  async read(
    @Param('id', { schema: identityId }) id: string,
    @CurrentPrincipal() { tenant }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const mapping = await this.administration.read({ id, tenant });
    tagWith(reply, mapping);
    return toIdentity(mapping);
  }

  @Patch(':id')
  @RequirePermission('CommunicationIdentity.ReadWrite.All')
  @ApiOperation({ summary: 'Suspends, resumes or renames; suspending revokes all tokens' })
  @ApiHeader(ifMatch)
  @ApiJson(200, identityResponse, 400, 401, 403, 404, 409, 412, 413, 415, 503)
  async update(
    @Param('id', { schema: identityId }) id: string,
    @Body({ schema: identityUpdate }) update: IdentityUpdate,
    @IfMatch() version: number | undefined,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const reference = { id, tenant: actor.tenant, version };
    const mapping = await this.administration.update(reference, update, { actor, request });
    tagWith(reply, mapping);
    return toIdentity(mapping);
  }

  @Delete(':id')
  @RequirePermission('CommunicationIdentity.ReadWrite.All')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Deletes an identity with its data at ACS; 202 while ACS has not confirmed it',
  })
  @ApiHeader(ifMatch)
  @ApiJson(202, identityResponse)
  @ApiJson(200, identityResponse, 400, 401, 403, 404, 409, 412, 503)
  async delete(
    @Param('id', { schema: identityId }) id: string,
    @IfMatch() version: number | undefined,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const reference = { id, tenant: actor.tenant, version };
    const mapping = await this.administration.delete(reference, { actor, request });
    tagWith(reply.code(mapping.status === 'deleted' ? 200 : 202), mapping);
    return toIdentity(mapping);
  }
}
