import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Bulkhead, ServiceBusy } from './bulkhead.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const options = { name: 'reading', places: 4, queueLimit: 4, maxWaitMs: 2_000 };

/** The order in which holders were admitted. */
function observed(bulkhead: Bulkhead) {
  const admitted: string[] = [];
  const refused: unknown[] = [];
  const releases = new Map<string, () => void>();
  return {
    admitted,
    refused,
    release: (name: string) => {
      releases.get(name)?.();
    },
    enter: async (holder: string, name: string, signal?: AbortSignal) => {
      const place = bulkhead.enter(holder, signal).then(
        (release) => {
          admitted.push(name);
          releases.set(name, release);
        },
        (error: unknown) => void refused.push(error),
      );
      await vi.advanceTimersByTimeAsync(0);
      return place;
    },
  };
}

describe('Bulkhead', () => {
  it('gives one holder at most half of the places, and others the rest', async () => {
    const bulkhead = new Bulkhead(options);
    const { enter, admitted } = observed(bulkhead);
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) void enter(name.slice(0, 1), name);
    await vi.advanceTimersByTimeAsync(0);
    expect(admitted).toEqual(['a1', 'a2', 'b1', 'b2']);
    expect(bulkhead).toMatchObject({ heldCount: 4, queuedCount: 1 });
  });

  it('refuses at once who has half of the queue, and everyone when it is full', async () => {
    const { enter, refused } = observed(new Bulkhead(options));
    for (const name of ['a1', 'a2', 'a3', 'a4']) void enter('a', name);
    await vi.advanceTimersByTimeAsync(0);
    expect(refused).toEqual([]);
    void enter('a', 'a5');
    await vi.advanceTimersByTimeAsync(0);
    expect(refused).toHaveLength(1);
    for (const name of ['b1', 'b2', 'b3', 'b4', 'c1']) void enter(name.slice(0, 1), name);
    await vi.advanceTimersByTimeAsync(0);
    expect(refused).toHaveLength(2);
    expect(refused[1]).toBeInstanceOf(ServiceBusy);
    expect((refused[1] as ServiceBusy).retryAfterSeconds).toBeGreaterThanOrEqual(1);
  });

  it('spreads the returns of refused requests by the rate at which places become free', async () => {
    const bulkhead = new Bulkhead({ ...options, places: 1, queueLimit: 0 });
    const { enter, refused, release } = observed(bulkhead);
    for (let nth = 0; nth < 20; nth += 1) {
      await enter('a', 'a');
      await vi.advanceTimersByTimeAsync(1_000);
      release('a');
    }
    await enter('a', 'a');
    for (const name of ['b', 'c', 'd']) await enter(name, name);
    const seconds = refused.map((error) => (error as ServiceBusy).retryAfterSeconds);
    expect(seconds).toEqual([1, 2, 3]);
    for (let nth = 0; nth < 200; nth += 1) await enter('e', 'e');
    expect((refused.at(-1) as ServiceBusy).retryAfterSeconds).toBe(60);
  });

  it('counts the requests that are still working as having taken their time', async () => {
    const bulkhead = new Bulkhead({ ...options, places: 2, queueLimit: 0 });
    const { enter, refused, release } = observed(bulkhead);
    await enter('a', 'a');
    await enter('b', 'b');
    await vi.advanceTimersByTimeAsync(40_000);
    await enter('c', 'c');
    expect((refused[0] as ServiceBusy).retryAfterSeconds).toBe(20);
    release('a');
    release('b');
    for (const name of ['d', 'e', 'f']) await enter(name, name);
    expect((refused[1] as ServiceBusy).retryAfterSeconds).toBeLessThan(40);
  });

  it('admits the first in the queue whose share is free', async () => {
    const { enter, admitted, release } = observed(new Bulkhead(options));
    for (const name of ['a1', 'a2', 'b1', 'b2', 'a3', 'c1']) void enter(name.slice(0, 1), name);
    await vi.advanceTimersByTimeAsync(0);
    release('b1');
    await vi.advanceTimersByTimeAsync(0);
    expect(admitted.at(-1)).toBe('c1');
    release('a1');
    await vi.advanceTimersByTimeAsync(0);
    expect(admitted.at(-1)).toBe('a3');
  });

  it('refuses after the longest wait, and leaves no place behind', async () => {
    const bulkhead = new Bulkhead({ ...options, places: 1 });
    const { enter, refused, release } = observed(bulkhead);
    await enter('a', 'a1');
    void enter('b', 'b1');
    await vi.advanceTimersByTimeAsync(options.maxWaitMs);
    expect(refused).toHaveLength(1);
    release('a1');
    release('a1');
    expect(bulkhead).toMatchObject({ heldCount: 0, queuedCount: 0 });
  });

  it('forgets a queued request that is aborted, and refuses an aborted one', async () => {
    const bulkhead = new Bulkhead({ ...options, places: 1 });
    const { enter, admitted, refused, release } = observed(bulkhead);
    const aborter = new AbortController();
    await enter('a', 'a1');
    void enter('b', 'b1', aborter.signal);
    await vi.advanceTimersByTimeAsync(0);
    aborter.abort();
    await vi.advanceTimersByTimeAsync(0);
    release('a1');
    await enter('c', 'c1', aborter.signal);
    expect(admitted).toEqual(['a1']);
    expect(refused).toHaveLength(2);
    expect(bulkhead).toMatchObject({ heldCount: 0, queuedCount: 0 });
  });

  it('never admits two requests to one place', async () => {
    const bulkhead = new Bulkhead({ ...options, places: 1 });
    const { enter, release } = observed(bulkhead);
    await enter('a', 'a1');
    void enter('b', 'b1');
    void enter('c', 'c1');
    await vi.advanceTimersByTimeAsync(0);
    release('a1');
    void enter('d', 'd1');
    expect(bulkhead.heldCount).toBeLessThanOrEqual(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(bulkhead.heldCount).toBe(1);
  });
});
