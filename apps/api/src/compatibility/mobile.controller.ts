import { Controller, Get, Res, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { NoHeadGuard } from './no-head.guard.js';
import { ISSUES_TOKEN, type SampleToken, SampleTokens } from './sample-tokens.js';

/** The address that the calling samples for iOS and Android are configured with. */
@ApiTags('compatibility: mobile')
@UseGuards(NoHeadGuard)
@Controller('mobile/token')
export class MobileController {
  constructor(private readonly tokens: SampleTokens) {}

  @Get()
  @Endpoint({ ...ISSUES_TOKEN, problems: [409] })
  async issue(
    @CurrentCall() call: CurrentCall,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SampleToken> {
    return this.tokens.issue({}, { call, reply });
  }
}
