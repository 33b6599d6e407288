import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { CallContext } from '#libs/platform';
import { type HttpRequest, principalOf, requestContextOf } from '#libs/authentication';

/** Gives a controller's method who reads the log, on which request: the reading is an entry itself. */
export const CurrentAuditor = createParamDecorator(
  (_data: unknown, context: ExecutionContext): CallContext => {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    return { actor: principalOf(request), request: requestContextOf(request) };
  },
);
