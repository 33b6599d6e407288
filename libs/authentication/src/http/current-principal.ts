import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { HttpRequest } from './http-request.js';
import type { Principal } from '../access/principal.js';
import { requestContextOf } from './request-contexts.js';

const principals = new WeakMap<object, Principal>();

/** Remembers who is behind a request. For the guard alone. */
export function rememberPrincipal(request: HttpRequest, principal: Principal): void {
  principals.set(request.raw, principal);
}

/** Who is behind the request; throws on a route that declares no permission. */
export function principalOf(request: HttpRequest): Principal {
  const principal = principals.get(request.raw);
  if (principal === undefined) throw new Error('the route does not require a permission');
  return principal;
}

/** Gives a controller's method the authenticated caller. */
export const CurrentPrincipal = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  principalOf(context.switchToHttp().getRequest<HttpRequest>()),
);

/** Gives a controller's method the `RequestContext`. */
export const CurrentRequest = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  requestContextOf(context.switchToHttp().getRequest<HttpRequest>()),
);
