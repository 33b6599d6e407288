import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ReadinessChecks, stateOf } from '#libs/platform';
import { Endpoint } from '../http/endpoint.js';
import { responseHeaders } from '../http/response-headers.js';

const liveness = z.strictObject({ status: z.literal('live') }).meta({ id: 'Liveness' });
const readiness = z
  .strictObject({
    status: z.enum(['ready', 'not ready']),
    parts: z.record(z.string(), z.enum(['ready', 'degraded', 'not ready'])),
  })
  .meta({ id: 'Readiness' });

const PROBES = 'probes add parameters against caches, and must not fail for them';

/** For load balancers and orchestrators. */
@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(private readonly checks: ReadinessChecks) {}

  @Get('live')
  @Endpoint({
    publicBecause: 'shows only that the process runs',
    anyQueryBecause: PROBES,
    workload: 'operations',
    summary: 'Liveness: 200 while the process runs. Restart it when this fails',
    responses: { 200: liveness },
  })
  live(): z.output<typeof liveness> {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiResponse({
    status: 503,
    description: 'Not ready.',
    headers: responseHeaders(503),
    standardSchema: readiness,
  })
  @Endpoint({
    publicBecause: 'load balancers have no token; reasons are in the log only',
    anyQueryBecause: PROBES,
    workload: 'operations',
    summary: 'Readiness: 200 when the service can serve requests, otherwise 503',
    responses: { 200: readiness },
  })
  async ready(
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.output<typeof readiness>> {
    const answers = Object.entries(await this.checks.ask());
    const isReady = answers.every(([, answer]) => answer.isReady);
    if (!isReady) void reply.code(HttpStatus.SERVICE_UNAVAILABLE).header('retry-after', '2');
    return {
      status: isReady ? 'ready' : 'not ready',
      parts: Object.fromEntries(answers.map(([part, answer]) => [part, stateOf(answer)])),
    };
  }
}
