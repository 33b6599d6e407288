import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Principal } from '#libs/platform';
import type { HttpRequest } from './http-request.js';
import { requestContextOf } from './request-contexts.js';

const principals = new WeakMap<object, Principal>();

/** Stores the principal of a request. Only the guard calls it. */
export function setPrincipal(request: HttpRequest, principal: Principal): void {
  principals.set(request.raw, principal);
}

/** Whether the guard has admitted the caller of a request. */
export function isAuthenticated(raw: object): boolean {
  return principals.has(raw);
}

/** @throws Error on a route that requires no permission */
export function principalOf(request: HttpRequest): Principal {
  const principal = principals.get(request.raw);
  if (principal === undefined) throw new Error('the route requires no permission');
  return principal;
}

/** Injects the authenticated caller into a parameter of a controller's method. */
export const CurrentPrincipal = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  principalOf(context.switchToHttp().getRequest<HttpRequest>()),
);

/** Injects the `RequestContext` into a parameter of a controller's method. */
export const CurrentRequest = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  requestContextOf(context.switchToHttp().getRequest<HttpRequest>()),
);
