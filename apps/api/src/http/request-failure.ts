import { HttpException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { explain, type Logger, ServiceBusy, ServiceError } from '#libs/platform';
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

/** A refusal is in the line of its answer; a failure has one of its own, for its cause. */
export function logFailure(
  error: ServiceError,
  requestId: string,
  request: FastifyRequest,
  logger: Logger,
): void {
  const fields = { requestId, code: error.code, route: request.routeOptions.url };
  // The line of the answer was written when the caller hung up.
  if (error instanceof RequestAborted) logger.debug(fields, 'work for a request ended');
  if (error.status < 500 || error instanceof ServiceBusy) return;
  // What is thrown but is no error may hold anything.
  const isShown = error.cause instanceof Error || typeof error.cause === 'string';
  const cause = isShown ? error.cause : typeof error.cause;
  logger.error({ ...fields, reason: explain(error), cause }, 'request failed');
}

/** The refusal that is answered for whatever was thrown. */
export function asServiceError(thrown: unknown, request: FastifyRequest): ServiceError {
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
