import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequestContexts } from '#libs/authentication';
import { explain, Logger, ServiceBusy, ServiceError } from '#libs/platform';
import { HttpMetrics } from './http-metrics.js';
import { toProblemDetails } from './problem-details.js';
import {
  InternalError,
  InvalidRequest,
  MalformedRequest,
  RequestAborted,
  RequestTimedOut,
  RequestTooLarge,
  RouteNotFound,
  TargetTooLong,
  UnsupportedMediaType,
} from './request-errors.js';

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
    this.#logFailure(error, requestId, request);
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

  /** A refusal is in the line of its answer; a failure has one of its own, for its cause. */
  #logFailure(error: ServiceError, requestId: string, request: FastifyRequest): void {
    const fields = { requestId, code: error.code, route: request.routeOptions.url };
    // The line of the answer was written when the caller hung up.
    if (error instanceof RequestAborted) this.logger.debug(fields, 'work for a request ended');
    if (error.status < 500 || error instanceof ServiceBusy) return;
    // What is thrown but is no error may hold anything.
    const isShown = error.cause instanceof Error || typeof error.cause === 'string';
    const cause = isShown ? error.cause : typeof error.cause;
    this.logger.error({ ...fields, reason: explain(error), cause }, 'request failed');
  }
}

function asServiceError(thrown: unknown, request: FastifyRequest) {
  if (thrown instanceof ServiceError) return thrown;
  if (request.raw.destroyed && thrown instanceof Error && thrown.name === 'AbortError') {
    return new RequestAborted();
  }
  // Nest wraps unknown routes, and what Fastify refuses before a route runs, in these.
  if (!(thrown instanceof HttpException)) return new InternalError({ cause: thrown });
  switch (thrown.getStatus()) {
    case 400:
      return new InvalidRequest([{ pointer: '', detail: 'the body is not well-formed JSON' }]);
    case 404:
      return new RouteNotFound();
    case 413:
      return new RequestTooLarge();
    case 415:
      return new UnsupportedMediaType();
    case 408:
      return new RequestTimedOut();
    case 414:
      return new TargetTooLong();
    default:
      if (thrown.getStatus() < 500) return new MalformedRequest();
      return new InternalError({ cause: thrown });
  }
}
