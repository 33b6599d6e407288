import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type DeclaredInput, declaredInputOf } from './declared-input.js';
import { InvalidRequest } from './request-errors.js';
import { hasBytes } from './unread-body.js';
import { invalidRequest } from './validation.pipe.js';

/**
 * Refuses a query or a body that a route does not read: `?dryRun=true` of a route that takes it in the body
 * must not start the real run. An empty object is no body: some clients send it with every request.
 */
@Injectable()
export class DeclaredInputGuard implements CanActivate {
  readonly #inputs = new WeakMap<object, DeclaredInput>();

  /** @throws InvalidRequest with every member that the route does not read */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { query, body } = this.#inputOf(context);
    const issues = [
      ...(query?.safeParse(request.query).error?.issues ?? []),
      ...(body?.safeParse(request.body).error?.issues ?? []),
    ];
    if (issues.length > 0) throw invalidRequest(issues);
    if (body !== undefined && (await hasUnreadBody(request)))
      throw new InvalidRequest([{ pointer: '', detail: 'must have no body' }]);
    return true;
  }

  #inputOf(context: ExecutionContext): DeclaredInput {
    const handler = context.getHandler();
    const known = this.#inputs.get(handler);
    if (known) return known;
    const input = declaredInputOf(context.getClass(), handler);
    this.#inputs.set(handler, input);
    return input;
  }
}

/** Fastify reads no body of these methods. Whether a chunked one is empty, its first chunk shows. */
async function hasUnreadBody({ method, headers, raw }: FastifyRequest): Promise<boolean> {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (headers['transfer-encoding'] !== undefined) return hasBytes(raw);
  return Number(headers['content-length'] ?? '0') > 0;
}
