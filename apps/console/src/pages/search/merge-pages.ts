import type { components } from '@acs-identity/client';
import type { ListedEntry } from '../../api/api.js';

type EntryPage = components['schemas']['AuditEntryPage'];

/** Reads a page of a search. @param cursor absent: the first page */
export type ReadPage = (cursor: string | undefined) => Promise<EntryPage>;

/** How far one of several searches has been read. */
export interface Progress {
  readonly cursor?: string | undefined;
  /** Entries that were read and belong to a later page. */
  readonly rest: readonly ListedEntry[];
  readonly isEnded: boolean;
}

/** How far searches have been read whose entries make one list. */
export interface Merging {
  /** One for each search. */
  readonly progress: readonly Progress[];
  /** The newest entry when the first page was read; later ones are left out. Absent before. */
  readonly newestIndex?: number;
}

/** Entries of several searches in one order, each once. */
export interface MergedPage {
  readonly items: readonly ListedEntry[];
  readonly newestIndex: number | undefined;
  /** Where the next page begins; absent on the last one. */
  readonly next?: Merging;
}

export function mergingOf(count: number): Merging {
  return { progress: Array.from({ length: count }, () => ({ rest: [], isEnded: false })) };
}

/**
 * The next page of a list that several searches of the log make.
 *
 * The pages have every entry that one of the searches finds and that existed when the first page was read:
 * in the order of the index, and once where several searches find it.
 *
 * @param readers one for each search, all in the same order
 */
export async function mergePages(
  readers: readonly ReadPage[],
  isAscending: boolean,
  merging: Merging,
): Promise<MergedPage> {
  let { newestIndex } = merging;
  let pages: readonly (EntryPage | undefined)[] = [];
  if (newestIndex === undefined) {
    pages = await Promise.all(readers.map(async (read) => read(undefined)));
    // An entry that was recorded between the readings is in some of them only.
    const newest = pages.map((page) => page?.newestIndex ?? -1);
    newestIndex = newest.length === 0 ? -1 : Math.min(...newest);
  }
  const upTo = newestIndex;
  const progress = await Promise.all(
    readers.map(async (read, nth) => {
      const before = merging.progress[nth] ?? { rest: [], isEnded: false };
      return readOn(read, pages[nth] ? after(pages[nth], upTo, isAscending) : before, {
        upTo,
        isAscending,
      });
    }),
  );
  const sign = isAscending ? 1 : -1;
  // Up to here every search has been read.
  const ends = progress.flatMap(({ rest, isEnded }) => (isEnded ? [] : [sign * lastOf(rest)]));
  const end = Math.min(...ends);
  const found = progress
    .flatMap(({ rest }) => rest.filter(({ index }) => sign * index <= end))
    .toSorted((a, b) => sign * (a.index - b.index));
  const next = progress.map((one) => ({
    ...one,
    rest: one.rest.filter(({ index }) => sign * index > end),
  }));
  const isLast = next.every(({ rest, isEnded }) => isEnded && rest.length === 0);
  return {
    items: found.filter(({ index }, nth) => index !== found[nth - 1]?.index),
    newestIndex: upTo < 0 ? undefined : upTo,
    ...(!isLast && { next: { progress: next, newestIndex: upTo } }),
  };
}

interface Bound {
  readonly upTo: number;
  readonly isAscending: boolean;
}

/** Reads until there are entries or the end. */
async function readOn(
  read: ReadPage,
  from: Progress,
  { upTo, isAscending }: Bound,
): Promise<Progress> {
  let progress = from;
  while (progress.rest.length === 0 && !progress.isEnded)
    progress = after(await read(progress.cursor), upTo, isAscending);
  return progress;
}

function after(page: EntryPage, upTo: number, isAscending: boolean): Progress {
  const rest = page.items.filter(({ index }) => index <= upTo);
  const isEnded = page.isComplete || (isAscending && rest.length < page.items.length);
  return { cursor: page.nextCursor, rest, isEnded };
}

function lastOf(rest: readonly ListedEntry[]): number {
  return rest.at(-1)?.index ?? 0;
}
