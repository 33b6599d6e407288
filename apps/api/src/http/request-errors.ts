import { problem } from '#libs/platform';

/** The longest request body, except for an import. */
export const MAX_BODY_BYTES = 16 * 1024;

/** The longest import. */
export const MAX_IMPORT_BYTES = 512 * 1024 * 1024;
/** Lines of an import, empty ones included. */
export const MAX_IMPORT_LINES = 1_000_000;

/** A fault of a request: its place, as a JSON Pointer or the name of a header, and what is wrong. */
export interface RequestFault {
  readonly pointer: string;
  readonly detail: string;
}

/** The request does not match the route's schema. Lists every fault. */
export class InvalidRequest extends problem('invalid-request', 400, 'The request is not valid') {
  constructor(faults: readonly RequestFault[]) {
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    super({ detail: `The request has ${count}.`, members: { errors: faults } });
  }
}

/** The body exceeds `MAX_BODY_BYTES`. */
export class RequestTooLarge extends problem(
  'request-too-large',
  413,
  'The request body is too large',
  `A request body has at most ${MAX_BODY_BYTES} bytes.`,
) {}

/** The body is not JSON, or its content type is another. */
export class UnsupportedMediaType extends problem(
  'unsupported-media-type',
  415,
  'The request body is not JSON',
  'Send the body as JSON with the header content-type: application/json.',
) {}

/** The body is compressed, or its characters are not UTF-8. */
export class UnsupportedEncoding extends problem(
  'unsupported-encoding',
  415,
  'The encoding of the request body is not supported',
  'Send the body in UTF-8 and without the header content-encoding.',
) {}

/** An import's body is not newline-delimited JSON, or its content type is another. */
export class UnsupportedImportType extends problem(
  'unsupported-import-type',
  415,
  'The request body is not newline-delimited JSON',
  'Send one JSON object a line with the header content-type: application/x-ndjson.',
) {}

/** The `Content-Length` of an import exceeds `MAX_IMPORT_BYTES`. */
export class ImportTooLarge extends problem(
  'import-too-large',
  413,
  'The import is too large',
  `An import has at most ${MAX_IMPORT_LINES} lines and ${MAX_IMPORT_BYTES} bytes. Send it in parts.`,
) {}

/** No route has this path and method. */
export class RouteNotFound extends problem(
  'route-not-found',
  404,
  'There is no such route',
  'No route has this method and path. GET /openapi.json lists all routes.',
) {}

/** The bytes received are not a request of HTTP/1.1, or two readers could understand them differently. */
export class MalformedRequest extends problem(
  'malformed-request',
  400,
  'The request is not well-formed HTTP',
) {}

/** The request did not arrive in time. */
export class RequestTimedOut extends problem(
  'request-timed-out',
  408,
  'The request did not arrive in time',
  'Headers must arrive within 10 seconds, a body within 30 seconds.',
) {}

/** The request target exceeds `MAX_TARGET_LENGTH`, or a parameter of the path the router's limit. */
export class TargetTooLong extends problem(
  'target-too-long',
  414,
  'The path or the query is too long',
) {}

/** The `Expect` header asks for something other than `100-continue`. */
export class ExpectationFailed extends problem(
  'expectation-failed',
  417,
  'The expectation cannot be met',
  'The only supported value of the header expect is 100-continue.',
) {}

/** The headers exceed Node's limit of 16 KB. */
export class HeadersTooLarge extends problem(
  'headers-too-large',
  431,
  'The request headers are too large',
  'The request line and headers have at most 16384 bytes together.',
) {}

/** The replica is shutting down. Another one answers, or this one after its restart. */
export class ServiceStopping extends problem(
  'service-stopping',
  503,
  'This replica is shutting down',
  'Repeat the request on a new connection.',
  { retryAfterSeconds: 1 },
) {}

/** An unexpected error. The response has only the request's id; the log has the rest. */
export class InternalError extends problem(
  'internal-error',
  500,
  'The service failed',
  'An unexpected error. Report the request id to the operators.',
) {}

/** The caller closed the connection before the response. */
export class RequestAborted extends problem(
  'request-aborted',
  499,
  'The request was given up by its sender',
  'The connection was closed before the response was ready.',
) {}
