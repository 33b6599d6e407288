import {
  type Attributes,
  context,
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';

/** The name under which every span of the service is recorded. */
export const TELEMETRY_SCOPE = 'acs-identity';

/** Sets attributes of a span that may not be recorded. With `error.type` the step has failed. */
export type Note = (attributes: Attributes) => void;

const ignore: Note = () => undefined;

/** Not kept: a process may register another provider, as tests do. */
export function tracer(): Tracer {
  return trace.getTracer(TELEMETRY_SCOPE);
}

/**
 * Runs a step of a request in a span of its own. Outside of a request that is recorded it only runs it.
 *
 * Neither the name nor an attribute ever holds a token, a secret or a personal value. Of an error a span
 * has its code, never its message.
 */
export async function traced<T>(
  name: string,
  options: SpanOptions,
  work: (note: Note) => Promise<T>,
): Promise<T> {
  const parent = trace.getActiveSpan();
  // False when the request was answered: what it has started is the work of others by then.
  if (parent?.isRecording() !== true) return work(ignore);
  return tracer().startActiveSpan(name, options, async (span) => {
    try {
      return await work((attributes) => {
        span.setAttributes(attributes);
        if ('error.type' in attributes) span.setStatus({ code: SpanStatusCode.ERROR });
      });
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Records a step that has ended, in the trace of a request that may have waited for it with others.
 *
 * @param startedAt of `performance.now()`
 * @param of the request; default: the current one
 */
export function recordStep(
  name: string,
  { startedAt, of = context.active(), ...options }: StepOptions,
  error?: unknown,
): void {
  if (trace.getSpan(of)?.isRecording() !== true) return;
  const span = tracer().startSpan(name, { ...options, startTime: startedAt }, of);
  if (error !== undefined) fail(span, error);
  span.end();
}

export interface StepOptions extends Omit<SpanOptions, 'startTime'> {
  readonly startedAt: number;
  readonly of?: Context | undefined;
}

/** The trace of the current request, for `recordStep`. `undefined` when it is not recorded. */
export function currentTrace(): Context | undefined {
  return trace.getActiveSpan()?.isRecording() === true ? context.active() : undefined;
}

/** Starts work that serves many requests, so that it does not belong to the trace of the first. */
export function detached<T>(work: () => T): T {
  return context.with(ROOT_CONTEXT, work);
}

function fail(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', errorType(error));
}

/** A code of ours, of PostgreSQL or of Node, or the name of a class: constants, whatever a message holds. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if ('code' in error && typeof error.code === 'string' && /^[\w-]{1,60}$/.test(error.code))
    return error.code;
  return error.constructor.name;
}
