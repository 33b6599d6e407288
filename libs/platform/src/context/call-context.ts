import type { Actor } from './principal.js';

/** The HTTP request or command that caused a call. */
export interface RequestContext {
  /** Identifies the request in responses, logs, audit entries and calls to other services. */
  readonly requestId: string;
  /** Trace id of the W3C `traceparent` header: 32 lower-case hex digits. */
  readonly traceId?: string;
  /** Address of the client, as reported by trusted proxies. Personal data. */
  readonly clientAddress?: string;
  /** The `User-Agent` header as sent. Personal data. */
  readonly userAgent?: string;
  /** Aborts when the client closes the connection before the response is sent. */
  readonly signal?: AbortSignal;
}

/** Bulk calls to ACS wait until no interactive call waits. */
export type CallPriority = 'interactive' | 'bulk';

/**
 * Who calls, and for which request. Every operation that is audited or uses the request budget takes
 * one, or an interface that extends it.
 *
 * `CallContext<Principal>` accepts authenticated callers only.
 */
export interface CallContext<A extends Actor = Actor> {
  readonly actor: A;
  /** Absent for background tasks. */
  readonly request?: RequestContext;
  /** Default: interactive. */
  readonly priority?: CallPriority;
}
