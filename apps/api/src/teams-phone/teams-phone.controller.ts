import { Body, Controller, Delete, Get, Param, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdentityAdministrationService } from '#libs/identity-mapping';
import type { Guid } from '#libs/platform';
import { TeamsPhoneAssignments } from '#libs/teams-phone';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint, NO_CONTENT } from '../http/endpoint.js';
import { idOfCursor } from '../identities/identity-requests.js';
import {
  assignmentPage,
  type AssignmentPageResponse,
  assignmentRequest,
  type AssignmentRequest,
  assignmentResponse,
  type AssignmentResponse,
  assignmentSearch,
  type AssignmentSearch,
  guid,
  tenantOf,
  toAssignment,
  toAssignmentPage,
} from './assignment-messages.js';

/** Who of the caller's own tenant may use Teams Phone extensibility. */
@ApiTags('teams-phone')
@Controller('v1/teams-phone/assignments')
export class TeamsPhoneController {
  constructor(
    private readonly assignments: TeamsPhoneAssignments,
    private readonly administration: IdentityAdministrationService,
  ) {}

  @Get()
  @Endpoint({
    permission: 'TeamsPhoneAssignment.Read.All',
    workload: 'reading',
    summary: 'Lists Teams Phone assignments, oldest first, in pages',
    responses: { 200: assignmentPage },
  })
  async list(
    @Query({ schema: assignmentSearch }) { limit, cursor, ...filters }: AssignmentSearch,
    @CurrentCall() call: CurrentCall,
  ): Promise<AssignmentPageResponse> {
    await this.administration.requireOwnTenant(filters.tenant, call);
    const tenant = tenantOf(call);
    const after = cursor === undefined ? undefined : idOfCursor(cursor);
    const { status } = filters;
    const search = { tenant, status, after, limit: Number(limit) };
    return toAssignmentPage(await this.assignments.search(search, call));
  }

  @Put(':tenantId/:objectId')
  @Endpoint({
    permission: 'TeamsPhoneAssignment.ReadWrite.All',
    workload: 'issuing',
    summary:
      'Creates (201) or replaces the Teams Phone assignment of a user or resource account; 202 until ACS has confirmed it',
    responses: { 200: assignmentResponse, 201: assignmentResponse, 202: assignmentResponse },
    problems: [409, 413, 415],
  })
  async put(
    @Param('tenantId', { schema: guid }) tenant: Guid,
    @Param('objectId', { schema: guid }) objectId: Guid,
    @Body({ schema: assignmentRequest }) content: AssignmentRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AssignmentResponse> {
    await this.administration.requireOwnTenant(tenant, call);
    const wanted = { tenant, objectId, ...content };
    const { assignment, isNew } = await this.assignments.put(wanted, call);
    void reply.code(assignment.status === 'active' ? (isNew ? 201 : 200) : 202);
    return toAssignment(assignment);
  }

  @Get(':tenantId/:objectId')
  @Endpoint({
    permission: 'TeamsPhoneAssignment.Read.All',
    workload: 'reading',
    summary: 'Returns the Teams Phone assignment of a user or resource account',
    responses: { 200: assignmentResponse },
    problems: [404],
  })
  async read(
    @Param('tenantId', { schema: guid }) tenant: Guid,
    @Param('objectId', { schema: guid }) objectId: Guid,
    @CurrentCall() call: CurrentCall,
  ): Promise<AssignmentResponse> {
    await this.administration.requireOwnTenant(tenant, call);
    return toAssignment(await this.assignments.read({ tenant, objectId }, call));
  }

  @Delete(':tenantId/:objectId')
  @Endpoint({
    permission: 'TeamsPhoneAssignment.ReadWrite.All',
    workload: 'issuing',
    summary:
      'Deletes the Teams Phone assignment of a user or resource account, which revokes its tokens; 202 until ACS has confirmed it',
    responses: { 202: assignmentResponse, 204: NO_CONTENT },
    problems: [404],
  })
  async delete(
    @Param('tenantId', { schema: guid }) tenant: Guid,
    @Param('objectId', { schema: guid }) objectId: Guid,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AssignmentResponse | undefined> {
    await this.administration.requireOwnTenant(tenant, call);
    const assignment = await this.assignments.delete({ tenant, objectId }, call);
    if (assignment.status !== 'deleted') return toAssignment(assignment);
    void reply.code(204);
    return undefined;
  }
}
