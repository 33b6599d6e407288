import type { OpenAPIObject } from '@nestjs/swagger';

type HeaderObjects = NonNullable<NonNullable<OpenAPIObject['components']>['headers']>;

/** The headers of responses that callers read, as the OpenAPI document describes them. */
export const RESPONSE_HEADERS = {
  'X-Request-Id': {
    description: 'The id of the request in the log, also as `requestId` of problem details.',
    required: true,
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'Seconds. A repeat after them can succeed; an earlier one can not.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
  'WWW-Authenticate': {
    description:
      'A `Bearer` challenge (RFC 6750): with each 401, and with a 403 for a missing permission. With `claims`, the claims request for Entra ID in base64.',
    schema: { type: 'string' },
  },
  RateLimit: {
    description: 'When the limit for requests is reached: the seconds until it allows some again.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description: 'When the limit for requests is reached: the limit and its window.',
    schema: { type: 'string' },
  },
  ETag: {
    description: 'The version of the identity, for `If-Match`.',
    required: true,
    schema: { type: 'string' },
  },
  Sunset: {
    description: 'The first day on which ACS stops to support a scope of the token (RFC 8594).',
    schema: { type: 'string' },
  },
  'Token-Scope-Sunset': {
    description: 'The day for each such scope: a dictionary of RFC 9651.',
    schema: { type: 'string' },
  },
  Link: {
    description: 'Pages about these scopes, with `rel="sunset"`.',
    schema: { type: 'string' },
  },
} satisfies HeaderObjects;

export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

const OF_ALL: readonly ResponseHeader[] = ['X-Request-Id'];

const OF_STATUS: Readonly<Record<number, readonly ResponseHeader[]>> = {
  401: ['WWW-Authenticate'],
  403: ['WWW-Authenticate'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

/** @param names headers of a route, in addition to those of all responses and of the status */
export function responseHeaders(
  status: number,
  names: readonly ResponseHeader[] = [],
): HeaderObjects {
  const all = [...OF_ALL, ...(OF_STATUS[status] ?? []), ...names];
  return Object.fromEntries(all.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
