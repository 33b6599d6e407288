import type { IncomingHttpHeaders } from 'node:http';

/** A request whose body has been read. */
export interface ServiceRequest {
  readonly method: string;
  /** Path and query as received, percent-encoded. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The groups of the route's pattern, percent-decoded. */
  readonly params: readonly string[];
  readonly requestId: string;
  /** Set by the service after authentication. Goes into the journal, so never a secret. */
  caller?: string;
}

/** The response of a route. */
export interface ServiceReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent verbatim, anything else as JSON. */
  readonly body?: unknown;
}

/** One operation of a service. */
export interface Route {
  readonly method: string;
  /** Matched against the raw path. */
  readonly path: RegExp;
  /** Its name in faults and in the journal. */
  readonly operation: string;
  readonly handle: (request: ServiceRequest) => ServiceReply | Promise<ServiceReply>;
}

/**
 * Makes routes whose requests are checked before they are handled.
 *
 * @param check throws the HttpError of a request that is refused
 */
export function routesBehind(
  check: (request: ServiceRequest) => void,
): (
  method: string,
  path: RegExp,
  operation: string,
  handle: (request: ServiceRequest) => ServiceReply,
) => Route {
  return (method, path, operation, handle) => ({
    method,
    path,
    operation,
    handle: (request) => {
      check(request);
      return handle(request);
    },
  });
}
