import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { currentTraceId } from '../telemetry/traceparent.js';
import { LineLimiter, type OmittedLines } from './line-limiter.js';

const LIMITS = { windowMs: 10_000, maxLinesPerKind: 3, maxLines: 7, maxKinds: 4 };

function start() {
  const omitted: OmittedLines<string>[] = [];
  const limiter = new LineLimiter(LIMITS, 'others', (lines) => void omitted.push(lines));
  return { omitted, limiter };
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('LineLimiter', () => {
  it('admits the first lines of each kind and counts the others', () => {
    const { limiter, omitted } = start();
    expect(['a', 'a', 'a', 'a', 'b'].map((kind) => limiter.admits(kind))).toEqual([
      true,
      true,
      true,
      false,
      true,
    ]);
    vi.advanceTimersByTime(4_000);
    expect(limiter.admits('a')).toBe(false);
    vi.advanceTimersByTime(6_000);
    const [from, to] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:04.000Z'];
    expect(omitted).toEqual([{ kind: 'a', count: 2, from, to }]);
    expect(limiter.admits('a')).toBe(true);
  });

  it('does not write a number of many requests in the trace of one', () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    onTestFinished(() => {
      context.disable();
    });
    const traceIds: (string | undefined)[] = [];
    const limiter = new LineLimiter(LIMITS, 'others', () => {
      traceIds.push(currentTraceId());
    });
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };
    context.with(trace.setSpanContext(ROOT_CONTEXT, ids), () => {
      for (let n = 0; n < 5; n += 1) limiter.admits('a');
      expect(currentTraceId()).toBe(ids.traceId);
      limiter.flush();
    });
    expect(traceIds).toEqual([undefined]);
  });

  it('bounds the lines of a window for any number of kinds, with exact counts', () => {
    const { limiter, omitted } = start();
    const admitted = Array.from({ length: 1_000 }, (_, n) => limiter.admits(`kind ${n}`));
    const lines = admitted.filter(Boolean).length;
    limiter.flush();
    expect(lines).toBe(7);
    expect(omitted).toHaveLength(1);
    expect(omitted[0]).toMatchObject({ kind: 'others', count: 1_000 - lines });
  });

  it('has no timer while nothing is counted', () => {
    const { limiter } = start();
    limiter.admits('a');
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
