import { describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { AuditUnavailable } from '../errors.js';
import { MemoryAuditTrail } from '../testing/memory-audit-trail.js';
import { AggregatingRecorder, type AggregationOptions } from './aggregating-recorder.js';

const WINDOW_MS = 60_000;

function start(options: Partial<AggregationOptions<string>> = {}) {
  const trail = new MemoryAuditTrail();
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const logger = new MemoryLogger();
  const recorder = new AggregatingRecorder<string>(trail, clock, logger, {
    name: 'test',
    windowMs: WINDOW_MS,
    eventsOf: (code, details) => [
      {
        action: 'authentication.reject',
        outcome: 'denied',
        actor: { kind: 'unauthenticated' },
        reason: { code },
        details: { ...details },
      },
    ],
    ...options,
  });
  const counts = (): (readonly [string | undefined, number])[] =>
    trail.entries.map(({ reason, details }) => [reason?.code, Number(details?.count)] as const);
  return { trail, clock, logger, recorder, counts };
}

describe('AggregatingRecorder', () => {
  it('records one entry for each key at the end of the window, with its count and times', async () => {
    const { recorder, clock, trail, counts } = start();
    await recorder.add('a', 'a');
    await clock.advance(1000);
    await recorder.add('a', 'a');
    await recorder.add('b', 'b');
    await clock.advance(WINDOW_MS - 1001);
    expect(counts()).toEqual([]);
    await clock.advance(1);
    expect(counts()).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
    expect(trail.entries[0]?.details).toMatchObject({
      from: '2026-01-01T00:00:00.000Z',
      to: '2026-01-01T00:00:01.000Z',
    });
  });

  it('records the first occurrence at once and counts repeats, when configured', async () => {
    const { recorder, clock, counts } = start({ recordsFirstAtOnce: true });
    for (let second = 0; second < 90; second += 1) {
      await recorder.add('a', 'a');
      await clock.advance(1000);
    }
    expect(counts()).toEqual([
      ['a', 1],
      ['a', 59],
    ]);
    await clock.advance(10 * WINDOW_MS);
    expect(counts()).toEqual([
      ['a', 1],
      ['a', 59],
      ['a', 30],
    ]);
    await recorder.add('a', 'a');
    await clock.advance(0);
    expect(counts().at(-1)).toEqual(['a', 1]);
  });

  it('has no timer while nothing is counted', async () => {
    const { recorder, clock } = start();
    expect(clock.sleeping).toBe(0);
    await recorder.add('a', 'a');
    expect(clock.sleeping).toBe(1);
    await clock.advance(WINDOW_MS);
    expect(clock.sleeping).toBe(0);
  });

  it('counts occurrences beyond the limit of keys under the overflow key', async () => {
    const widen = (code: string): readonly [string, string] => [`several ${code[0]}`, 'several'];
    const limit = { maxKeys: 2, maxEntries: 10, wider: [widen] };
    const { recorder, clock, counts } = start({ limit });
    for (const key of ['a1', 'a2', 'a3', 'a4', 'a1']) await recorder.add(key, key);
    await clock.advance(WINDOW_MS);
    expect(counts()).toEqual([
      ['a1', 2],
      ['a2', 1],
      ['several', 2],
    ]);
  });

  it('writes a bounded number of entries for any number of keys, with exact counts', async () => {
    // Keys such as "a/12/3": a reason, a network and an address.
    const limit = {
      maxKeys: 10_000,
      maxEntries: 20,
      wider: [
        (key: string) => [key.replace(/\/\d+$/, ''), key.replace(/\/\d+$/, '')] as const,
        (key: string) => [key.slice(0, 1), key.slice(0, 1)] as const,
      ],
      isSeparate: (key: string) => key.startsWith('own'),
    };
    const { recorder, clock, counts, trail } = start({ limit });
    for (let n = 0; n < 500; n += 1) await recorder.add('b/1/1', 'b/1/1');
    for (let n = 0; n < 12_000; n += 1) await recorder.add(`a/${n % 97}/${n}`, `a/${n % 97}/${n}`);
    for (let n = 0; n < 30; n += 1) await recorder.add(`own/${n}`, `own/${n}`);
    await clock.advance(WINDOW_MS);
    const shared = counts().filter(([key]) => key?.startsWith('own') !== true);
    expect(shared.length).toBeLessThanOrEqual(22);
    expect(shared.reduce((sum, [, count]) => sum + count, 0)).toBe(12_500);
    expect(shared).toContainEqual(['b/1/1', 500]);
    expect(counts().length - shared.length).toBe(30);
    const sources = trail.entries.map(({ details }) => Number(details?.sources ?? 1));
    expect(Math.max(...sources)).toBeGreaterThan(5_000);
  });

  it('merges by the nearest wider key that is enough', async () => {
    const network = (key: string): readonly [string, string] => [key.slice(0, 3), key.slice(0, 3)];
    const limit = {
      maxKeys: 100,
      maxEntries: 4,
      wider: [network, (): [string, string] => ['all', 'all']],
    };
    const { recorder, clock, counts } = start({ limit });
    for (const key of ['a/1/1', 'a/1/1', 'a/1/1', 'a/2/1', 'a/2/1', 'a/3/1', 'a/3/2', 'a/3/3'])
      await recorder.add(key, key);
    await clock.advance(WINDOW_MS);
    expect(counts()).toEqual([
      ['a/1/1', 3],
      ['a/2/1', 2],
      ['a/3', 3],
    ]);
  });

  it('retries the same entries until the log is available, with one open window meanwhile', async () => {
    const { recorder, clock, trail, logger, counts } = start();
    trail.outage = new AuditUnavailable();
    await recorder.add('a', 'a');
    await clock.advance(WINDOW_MS);
    for (let nth = 0; nth < 5; nth += 1) {
      await recorder.add('a', 'a');
      await clock.advance(WINDOW_MS);
    }
    expect(counts()).toEqual([]);
    expect(logger.lines[0]).toMatchObject({ message: 'aggregated audit entries not written yet' });
    trail.outage = undefined;
    await clock.advance(2 * WINDOW_MS);
    expect(counts()).toEqual([
      ['a', 1],
      ['a', 5],
    ]);
  });

  it('gives an entry that is written again the same tally', async () => {
    const { recorder, clock, trail } = start();
    const attempts: unknown[] = [];
    trail.recordAll = async (events) => {
      attempts.push(...events.map(({ details }) => details?.tally));
      return Promise.reject(new AuditUnavailable());
    };
    await recorder.add('a', 'a');
    await clock.advance(WINDOW_MS + 20_000);
    expect(attempts.length).toBeGreaterThan(2);
    expect(new Set(attempts).size).toBe(1);
  });

  it('writes many entries in several calls', async () => {
    const { recorder, clock, trail } = start();
    const sizes: number[] = [];
    const recordAll = trail.recordAll.bind(trail);
    trail.recordAll = async (events) => {
      sizes.push(events.length);
      return recordAll(events);
    };
    for (let nth = 0; nth < 500; nth += 1) await recorder.add(String(nth), 'a');
    await clock.advance(WINDOW_MS);
    expect(sizes).toEqual([200, 200, 100]);
  });

  it('writes counts when it stops, and later occurrences before their `add` resolves', async () => {
    const { recorder, clock, counts } = start();
    await recorder.add('a', 'a');
    await recorder.stop();
    expect(counts()).toEqual([['a', 1]]);
    await recorder.add('b', 'b');
    expect(counts()).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(clock.sleeping).toBe(0);
  });

  it('does not hang when it stops during an outage', async () => {
    const { recorder, clock, trail } = start();
    trail.outage = new AuditUnavailable();
    await recorder.add('a', 'a');
    await clock.advance(WINDOW_MS);
    await recorder.stop();
    await recorder.add('b', 'b');
    expect([trail.entries, clock.sleeping]).toEqual([[], 0]);
  });
});
