import { Body, Controller, Get, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IdentityAdministrationService, MassRevocationService } from '#libs/identity-mapping';
import { VisitorRevocation } from '#libs/visitors';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import {
  massRevocationRequest,
  type MassRevocationRequest,
  revocationId,
} from './revocation-requests.js';
import {
  massRevocation,
  massRevocationForecast,
  type MassRevocationForecast,
  type MassRevocationResponse,
  toForecast,
  toMassRevocation,
} from './revocation-responses.js';

/** Mass revocations of the caller's own tenant. */
@ApiTags('revocations')
@Controller('v1/revocations')
export class RevocationsController {
  constructor(
    private readonly revocations: MassRevocationService,
    private readonly administration: IdentityAdministrationService,
    private readonly visitors: VisitorRevocation,
  ) {}

  @Post()
  @Endpoint({
    permission: 'CommunicationToken.Revoke.All',
    workload: 'revoking',
    summary:
      'Revokes the tokens of many identities: none of them gets a token from now until ACS has revoked its old ones (202); a dry run counts them (200)',
    responses: { 200: massRevocationForecast, 202: massRevocation },
    problems: [404, 413, 415],
  })
  async start(
    @Body({ schema: massRevocationRequest }) request: MassRevocationRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MassRevocationForecast | MassRevocationResponse> {
    const tenant = await this.administration.requireOwnTenant(request.tenant, call);
    const { clientApp, identityKind: kind, resource, issuedBefore, invitation, reason } = request;
    if (invitation !== undefined) {
      if (request.dryRun) return toForecast(await this.visitors.forecast(invitation, tenant, call));
      void reply.code(202);
      return toMassRevocation(await this.visitors.start({ invitation, reason }, tenant, call));
    }
    const before = issuedBefore === undefined ? undefined : new Date(issuedBefore);
    const filter = { tenant, clientApp, kind, resource, issuedBefore: before };
    if (request.dryRun) return toForecast(await this.revocations.forecast(filter, call));
    void reply.code(202);
    return toMassRevocation(await this.revocations.start({ filter, reason }, call));
  }

  @Get(':id')
  @Endpoint({
    permission: 'CommunicationToken.Revoke.All',
    workload: 'reading',
    summary: 'Returns the progress of a mass revocation',
    responses: { 200: massRevocation },
    problems: [404],
  })
  async read(
    @Param('id', { schema: revocationId }) id: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<MassRevocationResponse> {
    return toMassRevocation(await this.revocations.show(id, call.actor.tenant));
  }
}
