import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AuditEntryNotFound } from '#libs/audit';

const PREFIX = '/v1/audit/log/';

/**
 * Gives a controller's method the path below the log's address, as it was sent. Nothing is decoded:
 * a tile has one spelling.
 */
export const LogPath = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const [path = ''] = context.switchToHttp().getRequest<FastifyRequest>().url.split('?', 1);
  return path.slice(PREFIX.length);
});

/** Documents a route whose method takes `@LogPath()`. */
export function ApiLogPath(): MethodDecorator {
  return ApiParam({
    name: 'path',
    description: 'such as `0/x001/234` or `0/x001/234.p/8`, its slashes as they are',
    schema: { type: 'string' },
  });
}

/** @throws AuditEntryNotFound unless the path is that of a tile of hashes */
export function requireHashTile(path: string): string {
  if (!/^tile\/\d/.test(path)) throw new AuditEntryNotFound();
  return path;
}
