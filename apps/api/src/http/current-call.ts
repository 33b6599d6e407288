import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type HttpRequest, principalOf, requestContextOf } from '#libs/authentication';
import type { CallContext, Principal, RequestContext } from '#libs/platform';
import { onClosed } from './on-closed.js';

/** The authenticated caller and its request. */
export interface CurrentCall extends CallContext<Principal> {
  readonly request: RequestContext;
}

/**
 * Gives a controller's method its caller and request.
 *
 * The request's signal aborts when the caller closes the connection. Work that waits for the caller,
 * in the queue for ACS or for another request's identity, then ends. A revocation or deletion that has
 * begun is completed in the background.
 */
export const CurrentCall = createParamDecorator(
  (_data: unknown, context: ExecutionContext): CurrentCall => {
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const reply = http.getResponse<FastifyReply>();
    return { actor: principalOf(request), request: cancellableRequestOf(request, reply) };
  },
);

/** The context of a request, with the signal that aborts when its caller closes the connection. */
export function cancellableRequestOf(request: HttpRequest, { raw }: FastifyReply): RequestContext {
  const aborter = new AbortController();
  // The caller may have closed the connection while the guard verified it.
  if (raw.destroyed) aborter.abort();
  onClosed(raw, () => {
    if (!raw.writableFinished) aborter.abort();
  });
  return { ...requestContextOf(request), signal: aborter.signal };
}
