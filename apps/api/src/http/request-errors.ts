import { ServiceError } from '#libs/platform';

/** The longest request body. An import has no limit. */
export const MAX_BODY_BYTES = 16 * 1024;

/** One thing wrong with a request: where, as a JSON Pointer or the name of a header, and what. */
export interface RequestFault {
  readonly pointer: string;
  readonly detail: string;
}

/** The request does not have the shape that the route takes. Lists every fault at once. */
export class InvalidRequest extends ServiceError {
  override readonly code = 'invalid-request';
  override readonly status = 400;
  override readonly title = 'The request is not valid';

  constructor(private readonly faults: readonly RequestFault[]) {
    super(
      faults.length === 1
        ? 'The request has one fault.'
        : `The request has ${faults.length} faults.`,
    );
  }

  override get members(): Readonly<Record<string, unknown>> {
    return { errors: this.faults };
  }
}

/** The body is longer than any request of this service. */
export class RequestTooLarge extends ServiceError {
  override readonly code = 'request-too-large';
  override readonly status = 413;
  override readonly title = 'The request body is too large';

  constructor() {
    super(`A request body has at most ${MAX_BODY_BYTES} bytes.`);
  }
}

/** The body is not JSON, or does not say so. */
export class UnsupportedMediaType extends ServiceError {
  override readonly code = 'unsupported-media-type';
  override readonly status = 415;
  override readonly title = 'The request body is not JSON';

  constructor() {
    super('Send the body as JSON with the header content-type: application/json.');
  }
}

/** An import's body is not newline-delimited JSON, or its content type is another. */
export class UnsupportedImportType extends ServiceError {
  override readonly code = 'unsupported-import-type';
  override readonly status = 415;
  override readonly title = 'The request body is not newline-delimited JSON';

  constructor() {
    super('Send one JSON object a line with the header content-type: application/x-ndjson.');
  }
}

/** No route has that path and method. */
export class RouteNotFound extends ServiceError {
  override readonly code = 'route-not-found';
  override readonly status = 404;
  override readonly title = 'There is no such route';

  constructor() {
    super('No route has this method and path. GET /openapi.json lists them all.');
  }
}

/** Something of ours broke. The answer says nothing but the request's id; the log says the rest. */
export class InternalError extends ServiceError {
  override readonly code = 'internal-error';
  override readonly status = 500;
  override readonly title = 'The service failed';

  constructor(options: { cause: unknown }) {
    super('Something failed that should not. Tell the operators the request id.', options);
  }
}

/** Nobody waits for the answer any more. */
export class RequestAborted extends ServiceError {
  override readonly code = 'request-aborted';
  override readonly status = 499;
  override readonly title = 'The request was given up by its sender';

  constructor() {
    super('The connection was closed before the answer was ready.');
  }
}
