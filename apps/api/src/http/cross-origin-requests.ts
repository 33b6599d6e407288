import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '#libs/platform';
import { type BrowserAccess, isBelow } from './open-to-browsers.js';

/** What the routes that are open to browsers read. */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'traceparent',
  'tracestate',
  'x-request-id',
];

/** What callers need, and a page could not read otherwise. */
const RESPONSE_HEADERS = [
  ...['etag', 'link', 'ratelimit', 'ratelimit-policy', 'retry-after', 'sunset'],
  ...['token-scope-sunset', 'www-authenticate', 'x-request-id'],
];

/** The longest that Chromium caches a preflight. Each answer repeats whether the origin is allowed. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200;

/** Refused origins that one process reports. Anybody can send any. */
const MAX_REPORTED_ORIGINS = 20;

/**
 * Lets web pages of the allowed origins call the routes that are open to browsers (CORS, Fetch Standard,
 * section 3.2). It protects users from pages, not the service from callers: other programs send any
 * `Origin`, and every request is authenticated as without it.
 */
export class CrossOriginRequests {
  readonly #reported = new Set<string>();
  readonly #allowed: ReadonlySet<string>;

  /** @param origins as browsers send them; none: no page may call */
  constructor(
    origins: readonly string[],
    private readonly access: BrowserAccess,
    private readonly logger: Logger,
  ) {
    this.#allowed = new Set(origins);
  }

  /** Sets the headers by which a browser shows the response to the page that sent the request. */
  setHeaders(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isOpen(request)) return;
    if (this.#allowed.size > 0) response.setHeader('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined) return;
    if (!this.#allowed.has(origin)) {
      this.#report(origin, request);
      return;
    }
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', RESPONSE_HEADERS.join(', '));
  }

  /** Answers a preflight of an allowed origin. @returns whether the request was one */
  answerPreflight(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, headers } = request;
    const isPreflight =
      method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
    if (!isPreflight || !response.hasHeader('access-control-allow-origin')) return false;
    response.removeHeader('access-control-expose-headers');
    response.writeHead(204, {
      'access-control-allow-headers': [...REQUEST_HEADERS, ...this.access.requestHeaders].join(
        ', ',
      ),
      'access-control-allow-methods': this.access.methods.join(', '),
      'access-control-max-age': String(PREFLIGHT_MAX_AGE_SECONDS),
    });
    response.end();
    return true;
  }

  #isOpen({ url = '' }: IncomingMessage): boolean {
    return isBelow(url.split('?', 1)[0] ?? '', this.access.prefixes);
  }

  /** Once for each origin. Says nothing of pages of the service itself, which need no permission. */
  #report(origin: string, { headers }: IncomingMessage): void {
    if (headers['sec-fetch-site'] === 'same-origin') return;
    const url = URL.parse(origin);
    if (url?.host === headers.host) return;
    // Anything else could be a secret that was sent in the wrong header.
    const shown = url?.origin === origin || origin === 'null' ? origin : 'malformed';
    if (this.#reported.has(shown) || this.#reported.size >= MAX_REPORTED_ORIGINS) return;
    this.#reported.add(shown);
    this.logger.warn(
      { origin: shown, setting: 'ALLOWED_ORIGINS' },
      'refused a web page of an origin that is not allowed',
    );
  }
}
