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
