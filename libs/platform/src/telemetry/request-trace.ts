import {
  context,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { parseTraceparent } from './traceparent.js';
import { tracer } from './traced.js';

export interface IncomingRequest {
  readonly method: string;
  /** The header, as sent. */
  readonly traceparent: string | undefined;
}

/**
 * The trace of one HTTP request: the server's span, which is the parent of all others.
 *
 * It has the pattern of the route and not the path, and neither address nor user agent of the client:
 * these are personal values, or may hold some.
 */
export class RequestTrace {
  readonly #context: Context;

  private constructor(
    private readonly span: Span,
    private readonly method: string,
  ) {
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
  }

  /** @returns `undefined` without telemetry */
  static begin({ method, traceparent }: IncomingRequest): RequestTrace | undefined {
    const parent = parseTraceparent(traceparent);
    const above = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    const attributes = { 'http.request.method': method };
    const span = tracer().startSpan(method, { kind: SpanKind.SERVER, attributes }, above);
    // Without an SDK there are no spans, only their parents.
    const { spanId } = span.spanContext();
    const isTraced = trace.isSpanContextValid(span.spanContext()) && spanId !== parent?.spanId;
    return isTraced ? new RequestTrace(span, method) : undefined;
  }

  /** Runs what serves the request. Events of its connection begin outside, so that some need it again. */
  run<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  end(answer: {
    readonly route: string;
    readonly status: number;
    readonly requestId: string;
    /** The code of the problem. */
    readonly problem?: string | undefined;
  }): void {
    if (!this.span.isRecording()) return;
    const { route, status, requestId, problem } = answer;
    this.span.updateName(`${this.method} ${route}`);
    this.span.setAttributes({
      'http.route': route,
      'http.response.status_code': status,
      'acs_identity.request_id': requestId,
      ...(problem !== undefined && { 'acs_identity.problem': problem }),
    });
    if (status >= 500) {
      this.span.setStatus({ code: SpanStatusCode.ERROR });
      this.span.setAttribute('error.type', problem ?? String(status));
    }
    this.span.end();
  }
}
