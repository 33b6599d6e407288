import { z } from 'zod';
import { azureError, HttpError } from '../http-error.js';
import type { ServiceRequest } from '../route.js';
import type { SecretChange } from './secrets.js';

const attributesSchema = z.object({
  enabled: z.boolean().optional(),
  nbf: z.int().optional(),
  exp: z.int().optional(),
});
export const changeSchema = z.object({
  contentType: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  attributes: attributesSchema.optional(),
});
export const setSchema = changeSchema.extend({ value: z.string().max(25_600) });
export const restoreSchema = z.object({ value: z.string() });

export function toChange(body: z.output<typeof changeSchema>): SecretChange {
  const { enabled, nbf, exp } = body.attributes ?? {};
  return {
    ...(body.contentType === undefined ? {} : { contentType: body.contentType }),
    ...(body.tags === undefined ? {} : { tags: body.tags }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(nbf === undefined ? {} : { notBefore: nbf }),
    ...(exp === undefined ? {} : { expires: exp }),
  };
}

/** @throws HttpError 400 */
export function readJson<Schema extends z.ZodType>(
  request: ServiceRequest,
  schema: Schema,
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(request.body.toString()));
  } catch {
    throw httpError(400, 'BadParameter', 'The request body is not valid.');
  }
}

/** Items of a page without `maxresults`, and the highest value of it. */
const MAX_PAGE = 25;

/**
 * One page of a list, with the address of the next.
 *
 * @param url of the list, without a query
 * @throws HttpError 400
 */
export function pageOf(
  request: ServiceRequest,
  url: string,
  items: readonly object[],
): { readonly value: readonly object[]; readonly nextLink: string | null } {
  const size = Number(request.query.get('maxresults') ?? MAX_PAGE);
  const start = Number(request.query.get('$skiptoken') ?? 0);
  if (!Number.isInteger(size) || size < 1 || size > MAX_PAGE) {
    throw httpError(400, 'BadParameter', `maxresults must be from 1 to ${MAX_PAGE}.`);
  }
  if (!Number.isInteger(start) || start < 0) {
    throw httpError(400, 'BadParameter', 'The $skiptoken is not valid.');
  }
  const next = new URLSearchParams({
    'api-version': request.query.get('api-version') ?? '',
    $skiptoken: String(start + size),
    maxresults: String(size),
  });
  return {
    value: items.slice(start, start + size),
    nextLink: start + size < items.length ? `${url}?${next.toString()}` : null,
  };
}

export function throttled(): HttpError {
  return new HttpError({
    status: 429,
    headers: { 'retry-after': '1' },
    body: azureError(
      'Throttled',
      'Request was not processed because too many requests were received.',
    ),
  });
}

export function httpError(
  status: number,
  code: string,
  message: string,
  innererror?: object,
): HttpError {
  const error = { code, message, ...(innererror === undefined ? {} : { innererror }) };
  return new HttpError({ status, body: { error } });
}
