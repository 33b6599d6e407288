import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuditEntryNotFound } from '#libs/audit';

const prefix = '/v1/audit/log/';

/**
 * Gives a controller's method the path below the log's address, as it was sent: a tile has one
 * spelling, so that nothing is decoded.
 */
export const LogPath = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const [path = ''] = context.switchToHttp().getRequest<FastifyRequest>().url.split('?', 1);
  return path.slice(prefix.length);
});

/** @throws AuditEntryNotFound for what is no tile of hashes, such as a bundle of entries */
export function requireHashTile(path: string): string {
  if (!/^tile\/\d/.test(path)) throw new AuditEntryNotFound();
  return path;
}
