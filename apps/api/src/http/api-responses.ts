import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  401: 'The caller is not authenticated.',
  403: 'The caller may not do this.',
  404: 'There is no such thing, or the caller may not know of it.',
  409: 'The request contradicts what is stored.',
  410: 'It is no longer kept.',
  412: 'The resource has changed since it was read.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  429: 'Too many requests; `Retry-After` says when to come back.',
  503: 'A service that this one depends on is away; `Retry-After` says when to come back.',
};

/**
 * Documents a route's answers: the one for success, and problem details for each refusal.
 *
 * A route that may answer 401 is one that wants a token.
 */
export function ApiJson(status: number, schema: z.ZodType, ...refusals: number[]): MethodDecorator {
  return applyDecorators(
    ApiResponse({ status, description: 'Done.', standardSchema: schema }),
    Refuses(refusals),
  );
}

/** The same for a route whose success is no JSON but text or bytes, in one of the content types. */
export function ApiFile(mediaTypes: readonly string[], ...refusals: number[]): MethodDecorator {
  const content = mediaTypes.map((mediaType) => {
    const isText = mediaType !== 'application/octet-stream';
    return [mediaType, { schema: isText ? { type: 'string' } : {} }] as const;
  });
  return applyDecorators(
    ApiResponse({ status: 200, description: 'Done.', content: Object.fromEntries(content) }),
    Refuses(refusals),
  );
}

function Refuses(refusals: readonly number[]): MethodDecorator {
  const wantsToken = refusals.includes(401);
  // What the guard itself may answer: two sets of credentials, a missing permission, a limit, an outage.
  const all = new Set([...refusals, ...(wantsToken ? [400, 403, 429, 503] : [])]);
  return applyDecorators(
    ...(wantsToken ? [ApiBearerAuth('entra')] : []),
    ...[...all].sort().map((refusal) =>
      ApiResponse({
        status: refusal,
        description: REFUSALS[refusal] ?? 'Refused.',
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDetails' } },
        },
      }),
    ),
  );
}
