import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequestContexts } from '#libs/authentication';
import { Logger } from '#libs/platform';
import { HttpMetrics } from './http-metrics.js';
import { toProblemDetails } from './problem-details.js';
import { asServiceError, logFailure } from './request-failure.js';

/** Converts every error into problem details (RFC 9457). Nothing else answers an error. */
@Catch()
export class ProblemDetailsFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly contexts: RequestContexts,
    private readonly metrics: HttpMetrics,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { requestId } = this.contexts.of(request);
    const error = asServiceError(thrown, request);
    this.metrics.setRefusal(request.raw, error);
    logFailure(error, requestId, request, this.logger);
    if (reply.sent) return;
    if (error.retryAfterSeconds !== undefined) {
      void reply.header('retry-after', String(error.retryAfterSeconds));
    }
    if ('challenge' in error && typeof error.challenge === 'string') {
      void reply.header('www-authenticate', error.challenge);
    }
    void reply
      .code(error.status)
      .header('x-request-id', requestId)
      .header('cache-control', 'no-store')
      .type('application/problem+json')
      .send(JSON.stringify(toProblemDetails(error, requestId)));
  }
}
