import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** No mapping has this version. */
const NO_VERSION = 0;

/**
 * The version that the caller wants to change, out of `If-Match` (RFC 9110 section 13.1.1).
 *
 * Left out or `*`: any version. A weak tag, or one that is not ours, matches no version.
 */
export const IfMatch = createParamDecorator(
  (_data: unknown, context: ExecutionContext): number | undefined => {
    const sent = context.switchToHttp().getRequest<FastifyRequest>().headers['if-match'];
    if (sent === undefined || sent.trim() === '*') return undefined;
    const version = /^\s*"(\d{1,9})"\s*$/.exec(sent)?.[1];
    return version === undefined ? NO_VERSION : Number(version);
  },
);

/** Documents a route whose method takes `@IfMatch()`. */
export function ApiIfMatch(): MethodDecorator {
  return ApiHeader({
    name: 'if-match',
    required: false,
    description: 'The `ETag` of the version to change. Default: any version.',
  });
}

/** Sends a mapping's version as its `ETag`. */
export function setEtag(reply: FastifyReply, { version }: { readonly version: number }): void {
  void reply.header('etag', `"${version}"`);
}
