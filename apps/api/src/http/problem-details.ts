import { z } from 'zod';
import type { ServiceError } from '#libs/platform';

export const PROBLEM_TYPE_PREFIX = 'urn:acs-identity:problem:';

/** RFC 9457. `type` is stable; docs/problems has a page for each. */
export const problemDetails = z
  .looseObject({
    type: z.string().regex(/^urn:acs-identity:problem:[a-z-]+$/),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    requestId: z.string(),
  })
  .meta({ id: 'ProblemDetails', description: 'The reason for a failed request (RFC 9457).' });

export type ProblemDetails = z.output<typeof problemDetails>;

/** What a problem response and its log line show of an error. */
export type Refusal = Pick<
  ServiceError,
  'code' | 'status' | 'title' | 'detail' | 'members' | 'facts' | 'retryAfterSeconds'
>;

export function toProblemDetails(error: Refusal, requestId: string): ProblemDetails {
  return {
    type: `${PROBLEM_TYPE_PREFIX}${error.code}`,
    title: error.title,
    status: error.status,
    detail: error.detail,
    requestId,
    ...error.members,
  };
}
