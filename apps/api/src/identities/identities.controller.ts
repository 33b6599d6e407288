import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdentityAdministrationService, IdentityLinking } from '#libs/identity-mapping';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
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
import { ApiIfMatch, IfMatch, setEtag } from './if-match.js';

/** The mappings of the caller's own tenant. */
@ApiTags('identities')
@Controller('v1/identities')
export class IdentitiesController {
  constructor(
    private readonly administration: IdentityAdministrationService,
    private readonly linking: IdentityLinking,
  ) {}

  @Post()
  @Endpoint({
    permission: 'CommunicationIdentity.ReadWrite.All',
    workload: 'issuing',
    summary:
      'Returns the identity of a user, service or bot; creates or links one when there is none (201)',
    responses: { 200: identityResponse, 201: identityResponse },
    headers: ['ETag'],
    problems: [409, 413, 415],
  })
  async create(
    @Body({ schema: identityRequest }) identity: IdentityRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const tenant = await this.administration.requireOwnTenant(identity.tenant, call);
    const { mapping, isNew } = await this.linking.createOrGet({ ...identity, tenant }, call);
    if (!isNew) await this.administration.show({ id: mapping.id, tenant }, call);
    setEtag(reply.code(isNew ? 201 : 200), mapping);
    return toIdentity(mapping);
  }

  @Get()
  @Endpoint({
    permission: 'CommunicationIdentity.Read.All',
    workload: 'reading',
    summary: 'Lists and searches identities, oldest first, in pages',
    responses: { 200: identityPage },
  })
  async list(
    @Query({ schema: identitySearch }) { limit, cursor, ...filters }: IdentitySearch,
    @CurrentCall() call: CurrentCall,
  ): Promise<IdentityPage> {
    const tenant = await this.administration.requireOwnTenant(filters.tenant, call);
    const after = cursor === undefined ? undefined : idOfCursor(cursor);
    const search = { ...filters, tenant, after, limit: Number(limit) };
    return toPage(await this.administration.search(search, call));
  }

  @Post('lookup')
  @Endpoint({
    permission: 'CommunicationIdentity.Read.All',
    workload: 'reading',
    summary: 'Finds the identities of up to 100 communication user ids',
    responses: { 200: lookupResponse },
    problems: [413, 415],
  })
  async lookUp(
    @Body({ schema: lookupRequest }) { communicationUserIds }: LookupRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<LookupResponse> {
    const { tenant } = call.actor;
    const found = await this.administration.lookUp(communicationUserIds, tenant, call);
    return toLookup(communicationUserIds, found);
  }

  @Post('erase')
  @Endpoint({
    permission: 'CommunicationIdentity.ReadWrite.All',
    workload: 'issuing',
    summary:
      'Deletes all identities of a person, in every ACS resource; 202 until ACS has confirmed all',
    responses: { 200: erasureResponse, 202: erasureResponse },
    problems: [404, 413, 415],
  })
  async erase(
    @Body({ schema: erasureRequest }) person: ErasureRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasureResponse> {
    const tenant = await this.administration.requireOwnTenant(person.tenant, call);
    const report = await this.administration.erase({ tenant, subject: person.subject }, call);
    void reply.code(report.isComplete ? 200 : 202);
    return toErasure(report);
  }

  @Get(':id')
  @Endpoint({
    permission: 'CommunicationIdentity.Read.All',
    workload: 'reading',
    summary: 'Returns an identity, also a deleted one',
    responses: { 200: identityResponse },
    headers: ['ETag'],
    problems: [404],
  })
  async read(
    @Param('id', { schema: identityId }) id: string,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const { tenant } = call.actor;
    const mapping = await this.administration.show({ id, tenant }, call);
    setEtag(reply, mapping);
    return toIdentity(mapping);
  }

  @Patch(':id')
  @ApiIfMatch()
  @Endpoint({
    permission: 'CommunicationIdentity.ReadWrite.All',
    workload: 'issuing',
    summary: 'Suspends, resumes or renames an identity; suspending revokes all its tokens',
    responses: { 200: identityResponse },
    headers: ['ETag'],
    problems: [404, 409, 412, 413, 415],
  })
  async update(
    @Param('id', { schema: identityId }) id: string,
    @Body({ schema: identityUpdate }) update: IdentityUpdate,
    @IfMatch() version: number | undefined,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const reference = { id, tenant: call.actor.tenant, version };
    const mapping = await this.administration.update(reference, update, call);
    setEtag(reply, mapping);
    return toIdentity(mapping);
  }

  @Delete(':id')
  @ApiIfMatch()
  @Endpoint({
    permission: 'CommunicationIdentity.ReadWrite.All',
    workload: 'issuing',
    summary: 'Deletes an identity and its data at ACS; 202 until ACS has confirmed it',
    responses: { 200: identityResponse, 202: identityResponse },
    headers: ['ETag'],
    problems: [404, 409, 412],
  })
  async delete(
    @Param('id', { schema: identityId }) id: string,
    @IfMatch() version: number | undefined,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IdentityResponse> {
    const reference = { id, tenant: call.actor.tenant, version };
    const mapping = await this.administration.delete(reference, call);
    setEtag(reply.code(mapping.status === 'deleted' ? 200 : 202), mapping);
    return toIdentity(mapping);
  }
}
