import {
  Controller,
  createParamDecorator,
  Delete,
  type ExecutionContext,
  Get,
  Post,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { IdentityAdministrationService, IdentityMappingService } from '#libs/identity-mapping';
import { TokenIssuanceService } from '#libs/token-issuance';
import { CurrentCall } from '../http/current-call.js';
import { type Content, Endpoint } from '../http/endpoint.js';
import { OpenToBrowsers } from '../http/open-to-browsers.js';
import { invalidRequest } from '../http/validation.pipe.js';
import { teamsTokenRequest } from '../me/teams-token.js';
import { NoHeadGuard } from './no-head.guard.js';
import {
  type SampleTeamsToken,
  sampleTeamsToken,
  type SampleToken,
  sampleToken,
  SampleTokens,
} from './sample-tokens.js';

const TEAMS_TOKEN_HEADER = 'teams-user-aad-token';
const EMPTY: Content = { mediaTypes: [], schema: {}, description: 'Without a body.' };

const heroUser = z.strictObject({ acsUserIdentity: z.string() }).meta({ id: 'HeroUser' });

type HeroUser = z.output<typeof heroUser>;

const teamsTokenHeader = z.object({
  [TEAMS_TOKEN_HEADER]: teamsTokenRequest.shape.teamsUserToken,
});

/** The Teams user's token. @throws InvalidRequest when the header is absent or malformed */
const TeamsToken = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
  const { data, error } = teamsTokenHeader.safeParse(headers);
  if (error) throw invalidRequest(error.issues);
  return data[TEAMS_TOKEN_HEADER];
});

/** `/api/user` of the Authentication Hero. */
@ApiTags('compatibility: auth-hero')
@OpenToBrowsers()
@Controller('api/user')
export class HeroUserController {
  constructor(
    private readonly mappings: IdentityMappingService,
    private readonly administration: IdentityAdministrationService,
    private readonly tokens: TokenIssuanceService,
  ) {}

  @Get()
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary: 'Returns the communication identity of the caller',
    responses: { 200: heroUser },
    problems: [404, 409],
  })
  async find(@CurrentCall() call: CurrentCall): Promise<HeroUser> {
    return { acsUserIdentity: (await this.mappings.showOwn(call)).communicationUserId };
  }

  @Post()
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary: 'Returns the communication identity of the caller; creates one when there is none',
    responses: { 200: heroUser, 201: heroUser },
    problems: [409, 413, 415],
  })
  async create(
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<HeroUser> {
    const { mapping, isNew } = await this.tokens.ensureIdentityOfCaller(call);
    if (!isNew) return this.find(call);
    void reply.code(201);
    return { acsUserIdentity: mapping.communicationUserId };
  }

  @Delete()
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary: 'Deletes the caller’s identity and its data at ACS; 202 until ACS has confirmed it',
    responses: { 202: EMPTY, 204: EMPTY },
    problems: [404, 409],
  })
  async delete(
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const { status } = await this.administration.deleteOwn(call);
    void reply.code(status === 'deleted' ? 204 : 202);
  }
}

/** `/api/token` of the Authentication Hero. */
@ApiTags('compatibility: auth-hero')
@OpenToBrowsers({ requestHeaders: [TEAMS_TOKEN_HEADER] })
@UseGuards(NoHeadGuard)
@Controller('api/token')
export class HeroTokenController {
  constructor(private readonly tokens: SampleTokens) {}

  @Get()
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    changesState: true,
    summary: 'Issues an ACS access token for the identity of the caller; creates no identity',
    responses: { 201: sampleToken },
    problems: [404, 409],
  })
  async issue(
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.tokens.reissue(this.tokens.defaults, { call, reply });
  }

  @Get('teams')
  @ApiHeader({ name: TEAMS_TOKEN_HEADER, required: true })
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    delegatedOnly: true,
    changesState: true,
    summary: 'Exchanges the Entra token of the caller, a Teams user, for an ACS token',
    operationId: 'heroToken.exchange',
    responses: { 201: sampleTeamsToken },
    problems: [409],
  })
  async exchange(
    @TeamsToken() teamsUserToken: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<SampleTeamsToken> {
    return this.tokens.exchange(teamsUserToken, call);
  }

  @Post('teams')
  @ApiHeader({ name: TEAMS_TOKEN_HEADER, required: true })
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    delegatedOnly: true,
    summary: 'The same, by POST',
    operationId: 'heroToken.exchangeByPost',
    responses: { 201: sampleTeamsToken },
    problems: [409, 413, 415],
  })
  async exchangeByPost(
    @TeamsToken() teamsUserToken: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<SampleTeamsToken> {
    return this.exchange(teamsUserToken, call);
  }
}
