import { isSpanContextValid, type SpanContext, trace, TraceFlags } from '@opentelemetry/api';

/**
 * The `traceparent` header: version 00, or the fields of it that begin one of a later version (W3C Trace Context,
 * sections 3.2 and 3.3). Version ff is none.
 */
const TRACEPARENT =
  /^(?!ff|00-.{52}.)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/**
 * The span that a caller names as the parent of its request. `tracestate` and `baggage` are not read: a
 * caller may write anything into them, and they would leave the service in every trace.
 */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(text ?? '') ?? [];
  const traceFlags = parseInt(flags, 16) & TraceFlags.SAMPLED;
  const parent = { traceId, spanId, traceFlags, isRemote: true };
  return isSpanContextValid(parent) ? parent : undefined;
}

/** The header that joins a request to another service to the current trace. `undefined` without one. */
export function currentTraceparent(): string | undefined {
  const current = trace.getActiveSpan()?.spanContext();
  if (!current) return undefined;
  const { traceId, spanId, traceFlags } = current;
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`;
}

/** Trace id of the request that is served: 32 lower-case hex digits. `undefined` without telemetry. */
export function currentTraceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}
