import type { components } from '@acs-identity/client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedEntry } from '../../api/api.js';
import { searchesOf } from './filters.js';
import { mergePages, mergingOf, type ReadPage } from './merge-pages.js';

type EntryPage = components['schemas']['AuditEntryPage'];

const SEARCHES = 2;
const entries = fc.array(fc.subarray([0, 1]), { maxLength: 60 });

describe('one list of two searches', () => {
  it('has every entry of both once and in order, however the pages and later entries fall', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries,
        // What is recorded while a page is read.
        fc.array(entries, { maxLength: 8 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (recorded, later, limit, isAscending) => {
          const log = new GrowingLog(recorded, later, limit, isAscending);
          const { indexes, newestIndex } = await listOf(log, isAscending);
          const expected = log.found.filter((index) => index <= (newestIndex ?? -1));
          expect(indexes).toEqual(isAscending ? expected : expected.toReversed());
          // Nothing that was there before is missing.
          expect(newestIndex ?? -1).toBeGreaterThanOrEqual(recorded.length - 1);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads no page of a search whose entries are still to be shown', async () => {
    const log = new GrowingLog([...Array<number[]>(50).fill([0]), [1]], [], 10, false);
    await listOf(log, false);
    expect(log.readings).toBe(5 + 1);
  });
});

describe('an involved person', () => {
  const involved = { name: 'involvedSubject', value: 'ada' } as const;

  it('is one search of what they did, and one of what was done to them, beside the other filters', () => {
    const outcome = { name: 'outcome', value: 'denied' } as const;
    expect(searchesOf([involved, outcome])).toEqual([
      [outcome, { name: 'actorSubject', value: 'ada' }],
      [outcome, { name: 'targetSubject', value: 'ada' }],
    ]);
  });

  it.each([
    [{ name: 'actorSubject', value: 'bob' }, ['targetSubject']],
    [{ name: 'actorSubjectNot', value: 'ada' }, ['targetSubject']],
    [{ name: 'targetSubject', value: 'bob' }, ['actorSubject']],
    [{ name: 'actorSubject', value: 'ada' }, ['actorSubject', 'targetSubject']],
  ] as const)('is searched with %j only where that can match', (other, expected) => {
    expect(searchesOf([involved, other]).map((filters) => filters.at(-1)?.name)).toEqual(expected);
  });
});

/** A log as the service searches it, to which a batch of entries is added after each reading. */
class GrowingLog {
  readings = 0;
  readonly #entries: (readonly number[])[];

  constructor(
    recorded: readonly (readonly number[])[],
    private readonly later: readonly (readonly (readonly number[])[])[],
    private readonly limit: number,
    private readonly isAscending: boolean,
  ) {
    this.#entries = [...recorded];
  }

  /** Indexes of the entries that one of the searches finds, ascending. */
  get found(): readonly number[] {
    return [...this.#entries.keys()].filter((index) => this.#entries[index]?.length);
  }

  /** @param nth which entries are found: those of whose numbers it is one */
  reader(nth: number): ReadPage {
    return async (cursor): Promise<EntryPage> => {
      const head = this.#entries.length - 1;
      const all = this.found.filter((index) => this.#entries[index]?.includes(nth));
      const left = this.isAscending
        ? all.filter((index) => index > Number(cursor ?? -1))
        : all.filter((index) => index < Number(cursor ?? Infinity)).toReversed();
      const page = left.slice(0, this.limit);
      const isComplete = page.length === left.length;
      const last = isComplete ? head : page.at(-1);
      this.#entries.push(...(this.later[this.readings] ?? []));
      this.readings += 1;
      return Promise.resolve({
        items: page.map((index) => ({ index }) as ListedEntry), // the rest does not matter
        isComplete,
        ...(head >= 0 && { newestIndex: head }),
        ...((this.isAscending || !isComplete) && { nextCursor: String(last) }),
      });
    };
  }
}

async function listOf(
  log: GrowingLog,
  isAscending: boolean,
): Promise<{ indexes: number[]; newestIndex: number | undefined }> {
  const readers = Array.from({ length: SEARCHES }, (_, nth) => log.reader(nth));
  let page = await mergePages(readers, isAscending, mergingOf(SEARCHES));
  const { newestIndex } = page;
  const indexes = page.items.map(({ index }) => index);
  while (page.next) {
    page = await mergePages(readers, isAscending, page.next);
    indexes.push(...page.items.map(({ index }) => index));
  }
  return { indexes, newestIndex };
}
