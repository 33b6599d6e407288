import { Body, Controller, Get, Param, Post, Query, Res, UseGuards } from '@nestjs/common';
import { ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { OpenToBrowsers } from '../http/open-to-browsers.js';
import type { TokenRequest } from '../me/token-request.js';
import { NoHeadGuard } from './no-head.guard.js';
import { ISSUES_TOKEN, type SampleToken, sampleToken, SampleTokens } from './sample-tokens.js';
import { scopeParameter, ScopeParameterPipe } from './scope-parameter.js';

/** `/token` of the calling, chat and widget samples. */
@ApiTags('compatibility: calling-sample')
@OpenToBrowsers()
@UseGuards(NoHeadGuard)
@Controller('token')
export class TokenController {
  constructor(private readonly tokens: SampleTokens) {}

  @Get()
  @ApiQuery({ name: 'scope', required: false, example: 'voip,chat' })
  @Endpoint({ ...ISSUES_TOKEN, operationId: 'token.get', problems: [409] })
  async get(
    @Query(ScopeParameterPipe) query: TokenRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.tokens.issue({ ...this.tokens.defaults, ...query }, { call, reply });
  }

  /** The chat sample sends the scope in the query, others in the body. */
  @Post()
  @ApiQuery({ name: 'scope', required: false, example: 'voip,chat' })
  @Endpoint({
    ...ISSUES_TOKEN,
    operationId: 'token.post',
    optionalBody: scopeParameter,
    problems: [409, 413, 415],
  })
  async post(
    @Query(ScopeParameterPipe) query: TokenRequest,
    @Body(ScopeParameterPipe) body: TokenRequest,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.get({ ...query, ...body }, call, reply);
  }
}

/** `/refreshToken/{id}` of the same samples. */
@ApiTags('compatibility: calling-sample')
@OpenToBrowsers()
@Controller('refreshToken')
export class RefreshTokenController {
  constructor(private readonly tokens: SampleTokens) {}

  @Post(':id')
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    summary: 'Issues an ACS access token for the caller’s identity, which the path names',
    responses: { 200: sampleToken },
    problems: [409, 413, 415],
  })
  async refresh(
    @Param('id') communicationUserId: string,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.tokens.reissue(this.tokens.defaults, { call, reply }, communicationUserId);
  }
}

const tutorialRequest = z
  .strictObject({
    communicationUserId: z.string().max(512).optional(),
    isJoinOnlyToken: z.boolean().optional(),
  })
  .meta({ id: 'TutorialTokenRequest' });

const tutorialToken = z
  .strictObject({
    communicationUserToken: sampleToken,
    userId: z.strictObject({ communicationUserId: z.string() }),
  })
  .meta({ id: 'TutorialToken' });

type TutorialToken = z.output<typeof tutorialToken>;

/** `/getCommunicationUserToken` of the web calling tutorial. */
@ApiTags('compatibility: calling-sample')
@OpenToBrowsers()
@Controller('getCommunicationUserToken')
export class CallingTutorialController {
  constructor(private readonly tokens: SampleTokens) {}

  @Post()
  @Endpoint({
    ...ISSUES_TOKEN,
    operationId: 'callingTutorial.issue',
    responses: { 200: tutorialToken },
    problems: [409, 413, 415],
  })
  async issue(
    @Body({ schema: tutorialRequest }) request: z.output<typeof tutorialRequest>,
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TutorialToken> {
    const { communicationUserId: ownId, isJoinOnlyToken = false } = request;
    const options = { scopes: [isJoinOnlyToken ? 'voip.join' : 'voip'] };
    const issued = await (ownId === undefined
      ? this.tokens.issue(options, { call, reply })
      : this.tokens.reissue(options, { call, reply }, ownId));
    const { communicationUserId } = issued.user;
    return { communicationUserToken: issued, userId: { communicationUserId } };
  }
}
