import { Body, Controller, Get, Post, Res, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { OpenToBrowsers } from '../http/open-to-browsers.js';
import { teamsTokenRequest } from '../me/teams-token.js';
import { NoHeadGuard } from './no-head.guard.js';
import {
  ISSUES_TOKEN,
  type SampleTeamsToken,
  sampleTeamsToken,
  type SampleToken,
  SampleTokens,
} from './sample-tokens.js';

/** The function of the trusted authentication service sample. */
@ApiTags('compatibility: functions-sample')
@OpenToBrowsers()
@UseGuards(NoHeadGuard)
@Controller('api/Function')
export class FunctionController {
  constructor(private readonly tokens: SampleTokens) {}

  @Get()
  @Endpoint({ ...ISSUES_TOKEN, operationId: 'function.get', problems: [409] })
  async get(
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.tokens.issue({}, { call, reply });
  }

  /** The function reads no body. */
  @Post()
  @Endpoint({ ...ISSUES_TOKEN, operationId: 'function.post', problems: [409, 413, 415] })
  async post(
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.get(call, reply);
  }
}

const exchangeRequest = z
  .strictObject({ accessToken: teamsTokenRequest.shape.teamsUserToken })
  .meta({ id: 'ExchangeRequest' });

/** `/exchange` of the single-page application for Teams identities. */
@ApiTags('compatibility: functions-sample')
@OpenToBrowsers()
@Controller('exchange')
export class ExchangeController {
  constructor(private readonly tokens: SampleTokens) {}

  @Post()
  @Endpoint({
    permission: 'CommunicationToken.Issue',
    workload: 'issuing',
    delegatedOnly: true,
    summary: 'Exchanges the Entra token of the caller, a Teams user, for an ACS token',
    responses: { 200: sampleTeamsToken },
    problems: [409, 413, 415],
  })
  async exchange(
    @Body({ schema: exchangeRequest }) { accessToken }: z.output<typeof exchangeRequest>,
    @CurrentCall() call: CurrentCall,
  ): Promise<SampleTeamsToken> {
    return this.tokens.exchange(accessToken, call);
  }
}
