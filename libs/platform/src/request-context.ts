/** What is known of the request on whose behalf something is done. */
export interface RequestContext {
  /** Names the request in answers, logs, audit entries and calls to other services. */
  readonly requestId: string;
  /** Trace id of the W3C `traceparent` header: 32 lower-case hex digits. */
  readonly traceId?: string;
  /** Address of the client, as far as trusted proxies tell it. Personal data. */
  readonly clientAddress?: string;
  /** The `User-Agent` header as sent. Personal data. */
  readonly userAgent?: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}
