import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ReadingDatabase } from '#libs/platform';
import { EntryCounter } from './entry-counter.js';
import type { EntryFacets } from './entry-facets.js';
import type { EntryRepository } from './entry-repository.js';

const START = Date.parse('2026-03-29T00:00:00Z');

/** Counts a log whose entries were recorded at these times, in milliseconds after the start. */
function counterOf(times: readonly number[]): EntryCounter {
  const at = (index: number): Date => new Date(START + (times[index] ?? 0));
  const entries: Pick<EntryRepository, 'newest' | 'timeOf' | 'firstIndexSince' | 'timeSpanOf'> = {
    newest: async () => Promise.resolve({ index: times.length - 1, recordedAt: at(-1) }),
    timeOf: async (index) => Promise.resolve(at(index)),
    firstIndexSince: async (time) => {
      const index = times.findIndex((ms) => START + ms >= time.getTime());
      return Promise.resolve(index < 0 ? undefined : index);
    },
    timeSpanOf: async (from, end) => Promise.resolve({ from: at(from), to: at(end - 1) }),
  };
  const facets: Pick<EntryFacets, 'all' | 'allowedBy'> = {
    all: async () => Promise.resolve([]),
    allowedBy: async () => Promise.resolve(undefined),
  };
  const database = {
    /** The range of indexes is bound after the one of times. */
    query: async (_sql: string, [, , first = 0, end = 0]: readonly number[]) =>
      Promise.resolve([
        { start: new Date(START), kind: 'clientApp', value: 'app', entries: `${end - first}` },
      ]),
  };
  return new EntryCounter(
    database as unknown as ReadingDatabase, // all that it uses
    entries as EntryRepository,
    facets as EntryFacets,
  );
}

describe('EntryCounter', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['batches of one millisecond', Array.from({ length: 50_000 }, (_, nth) => nth / 1500)],
    ['a millisecond with more entries than a step', [...Array<number>(45_000).fill(1), 2, 2, 3]],
    ['a log of one millisecond', Array<number>(45_000).fill(1)],
  ])(
    'counts each entry once when time runs out and the next call continues: %s',
    async (_, all) => {
      const times = all.map(Math.floor);
      let elapsedMs = 0; // one step takes longer than all may take
      vi.spyOn(performance, 'now').mockImplementation(() => (elapsedMs += 2_500));
      const to = new Date(START + 100);
      const sums: number[] = [];
      for (let from = new Date(START); from < to && sums.length < 20;) {
        const grouped = { bucket: 'none', timeZone: 'UTC', dimensions: ['clientApp'] } as const;
        const { counts, through } = await counterOf(times).count({
          from,
          to,
          filter: {},
          ...grouped,
        });
        sums.push(counts.get('clientApp')?.[0]?.entries ?? 0);
        from = through;
      }
      expect(sums.reduce((sum, entries) => sum + entries, 0)).toBe(times.length);
    },
  );
});
