import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RequestTrace } from './request-trace.js';
import { currentTrace, detached, recordStep, traced } from './traced.js';
import { currentTraceId, currentTraceparent, parseTraceparent } from './traceparent.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const request = { method: 'POST', traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` };
const answer = { route: '/v1/me/tokens', status: 200, requestId: 'a-request' };
const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });

function begun(incoming = request): RequestTrace {
  const requestTrace = RequestTrace.begin(incoming);
  if (!requestTrace) throw new Error('there is no telemetry');
  return requestTrace;
}

describe('without telemetry', () => {
  it('a request has no trace, and its steps run', async () => {
    expect(RequestTrace.begin(request)).toBeUndefined();
    expect(currentTraceId()).toBeUndefined();
    expect(currentTraceparent()).toBeUndefined();
    expect(currentTrace()).toBeUndefined();
    expect(await traced('a step', {}, async () => Promise.resolve(7))).toBe(7);
  });
});

describe('with telemetry', () => {
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    trace.setGlobalTracerProvider(provider);
  });
  afterAll(() => {
    trace.disable();
    context.disable();
  });
  beforeEach(() => {
    exporter.reset();
  });

  it('a request is in the trace of its caller, and its steps are below it', async () => {
    const requestTrace = begun();
    await requestTrace.run(async () =>
      traced('a step', {}, async (note) => {
        note({ 'acs_identity.number': 1 });
        expect(currentTraceId()).toBe(TRACE_ID);
        expect(currentTraceparent()).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`));
        recordStep('a shared step', { startedAt: performance.now() - 5 });
        return Promise.resolve();
      }),
    );
    requestTrace.end(answer);
    const [shared, step, server] = exporter.getFinishedSpans();
    expect([shared?.name, step?.name, server?.name]).toEqual([
      'a shared step',
      'a step',
      'POST /v1/me/tokens',
    ]);
    expect(server?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(step?.parentSpanContext?.spanId).toBe(server?.spanContext().spanId);
    expect(shared?.parentSpanContext?.spanId).toBe(step?.spanContext().spanId);
    expect(step?.attributes).toEqual({ 'acs_identity.number': 1 });
    expect(server?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/me/tokens',
      'http.response.status_code': 200,
      'acs_identity.request_id': 'a-request',
    });
  });

  it('a failed step has the code of its error and nothing of its message', async () => {
    const error = Object.assign(new Error('the key is secret-value'), { code: 'ECONNREFUSED' });
    const failure = begun().run(async () =>
      traced('a step', {}, async () => Promise.reject(error)),
    );
    await expect(failure).rejects.toBe(error);
    const [step] = exporter.getFinishedSpans();
    expect(step?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(step?.attributes).toEqual({ 'error.type': 'ECONNREFUSED' });
    expect(JSON.stringify([step?.events, step?.attributes])).not.toContain('secret-value');
  });

  it('takes no text from an error as its code', async () => {
    const error = Object.assign(new TypeError('no'), { code: 'the token eyJ is wrong' });
    await begun()
      .run(async () => traced('a step', {}, async () => Promise.reject(error)))
      .catch(() => undefined);
    expect(exporter.getFinishedSpans()[0]?.attributes).toEqual({ 'error.type': 'TypeError' });
  });

  it('work for many requests, and what a request leaves behind, is in no trace', async () => {
    const requestTrace = begun();
    await requestTrace.run(async () => {
      const id = detached(() => currentTraceId());
      expect(id).toBeUndefined();
      await detached(async () => traced('for all', {}, async () => Promise.resolve()));
      requestTrace.end(answer);
      await traced('afterwards', {}, async () => Promise.resolve());
    });
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['POST /v1/me/tokens']);
  });

  it('marks answers of 500 and more as failures, and no others', () => {
    for (const status of [404, 503]) begun().end({ ...answer, status });
    const [notFound, failed] = exporter.getFinishedSpans();
    expect(notFound?.status.code).toBe(SpanStatusCode.UNSET);
    expect(failed?.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('a request that its caller does not sample has the trace id and no spans', async () => {
    const requestTrace = begun({ ...request, traceparent: request.traceparent.replace(/1$/, '0') });
    await requestTrace.run(async () =>
      traced('a step', {}, async () => {
        expect(currentTraceparent()).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
        return Promise.resolve();
      }),
    );
    requestTrace.end(answer);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

describe('parseTraceparent', () => {
  it.each(['01-X-01', 'cc-X-01-what-the-future-will-be-like'])(
    'reads the fields that it knows of the later version %s',
    (text) => {
      const header = text.replace('X', `${TRACE_ID}-b7ad6b7169203331`);
      expect(parseTraceparent(header)).toMatchObject({ traceId: TRACE_ID, traceFlags: 1 });
    },
  );

  it.each([
    undefined,
    '',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
    `ff-${TRACE_ID}-b7ad6b7169203331-01`,
    `00-${TRACE_ID.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${TRACE_ID}-b7ad6b7169203331-01-more`,
    `01-${TRACE_ID}-b7ad6b7169203331-01.more`,
    `01-${TRACE_ID}-b7ad6b7169203331-0`,
  ])('takes %s for no parent', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  it('takes no more of the flags than whether the caller records', () => {
    expect(parseTraceparent(`00-${TRACE_ID}-b7ad6b7169203331-ff`)?.traceFlags).toBe(1);
  });

  it('leaves no context behind', () => {
    expect(context.active()).toBe(ROOT_CONTEXT);
  });
});
