import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RouteNotFound } from '../http/request-errors.js';

/** Refuses HEAD, which Fastify routes to GET: a token would be issued and recorded, but never sent. */
@Injectable()
export class NoHeadGuard implements CanActivate {
  /** @throws RouteNotFound */
  canActivate(context: ExecutionContext): boolean {
    const { method } = context.switchToHttp().getRequest<FastifyRequest>();
    if (method === 'HEAD') throw new RouteNotFound();
    return true;
  }
}
