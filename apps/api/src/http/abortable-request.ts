import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type HttpRequest, requestContextOf } from '#libs/authentication';
import type { RequestContext } from '#libs/platform';

/**
 * Gives a controller's method the `RequestContext` with a signal that aborts when the caller hangs
 * up: what waits on its behalf, in the queue for ACS or for another request's identity, then frees
 * its place. What was begun and must be ended (a revocation, a deletion) is ended by the sweepers.
 */
export const AbortableRequest = createParamDecorator(
  (_data: unknown, context: ExecutionContext): RequestContext => {
    const http = context.switchToHttp();
    const { raw } = http.getResponse<FastifyReply>();
    const hangUp = new AbortController();
    // The caller may have gone while the guard was at work.
    if (raw.destroyed) hangUp.abort();
    raw.once('close', () => {
      if (!raw.writableFinished) hangUp.abort();
    });
    return { ...requestContextOf(http.getRequest<HttpRequest>()), signal: hangUp.signal };
  },
);
