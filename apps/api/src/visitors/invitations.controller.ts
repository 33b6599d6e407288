import { Body, Controller, Delete, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { InvitationsService } from '#libs/visitors';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint, NO_CONTENT } from '../http/endpoint.js';
import {
  invitationId,
  invitationRequest,
  type InvitationRequest,
  invitationResponse,
  type InvitationResponse,
  toInvitation,
} from './visitor-messages.js';

/** Invitations of visitors, of the caller's own tenant. */
@ApiTags('visitors')
@Controller('v1/invitations')
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @Post()
  @Endpoint({
    permission: 'Invitation.ReadWrite.All',
    workload: 'issuing',
    summary: 'Invites visitors, who get tokens without sign-in',
    responses: { 201: invitationResponse },
    problems: [413, 415],
  })
  async create(
    @Body({ schema: invitationRequest }) request: InvitationRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<InvitationResponse> {
    return toInvitation(await this.invitations.create(request, call));
  }

  @Delete(':id')
  @Endpoint({
    permission: 'Invitation.ReadWrite.All',
    workload: 'issuing',
    summary:
      'Ends an invitation: it lets nobody in any more, and the identities of its visitors are deleted at ACS with their tokens',
    responses: { 204: NO_CONTENT },
    problems: [404],
  })
  async end(
    @Param('id', { schema: invitationId }) id: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<void> {
    await this.invitations.end(id, call);
  }
}
