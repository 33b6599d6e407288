import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** No mapping has this version. */
const NONE = 0;

/**
 * The version that the caller wants to change, out of `If-Match` (RFC 9110 section 13.1.1).
 *
 * Left out or `*`: whichever there is. What is no tag of ours, or a weak one, matches nothing.
 */
export const IfMatch = createParamDecorator(
  (_data: unknown, context: ExecutionContext): number | undefined => {
    const sent = context.switchToHttp().getRequest<FastifyRequest>().headers['if-match'];
    if (sent === undefined || sent.trim() === '*') return undefined;
    const version = /^\s*"(\d{1,9})"\s*$/.exec(sent)?.[1];
    return version === undefined ? NONE : Number(version);
  },
);

/** Tells the caller the version that it got. */
export function tagWith(reply: FastifyReply, { version }: { readonly version: number }): void {
  void reply.header('etag', `"${version}"`);
}
