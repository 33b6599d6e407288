import type { EntryPage, EntryQuery } from './entry-filter.js';
import type { EntryRow, NewestEntry } from './entry-repository.js';
import type { Bounds } from './search-statement.js';

/** Size of the stored bytes on a page. A page of 1000 entries of usual length is smaller. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** The first rows up to a number and to `MAX_PAGE_BYTES`, at least one. */
export function firstOf(rows: readonly EntryRow[], limit: number): readonly EntryRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ leaf }, nth) => {
    bytes += leaf.length;
    return nth === limit || (nth > 0 && bytes > MAX_PAGE_BYTES);
  });
  return end < 0 ? rows : rows.slice(0, end);
}

/** What a search has found. */
interface Found extends Pick<EntryPage, 'items' | 'isComplete'> {
  /** `undefined` when no entry could match. */
  readonly bounds: Bounds | undefined;
  /** The newest entry when the search began. */
  readonly head: NewestEntry;
}

/** Adds to the entries where the next page begins and what was searched. */
export function toPage(query: EntryQuery, found: Found): EntryPage {
  const { items, isComplete, head } = found;
  const isAscending = query.order === 'ascending';
  return {
    items,
    isComplete,
    newestIndex: head.index,
    ...searchedTimes(query, found),
    ...(isAscending ? { nextAfter: nextAfter(query, found) } : nextBefore(found)),
  };
}

function nextBefore({ items, isComplete }: Found): Pick<EntryPage, 'nextBefore'> {
  const last = items.at(-1);
  return !isComplete && last ? { nextBefore: last.index } : {};
}

/** At the end the last index that was searched, so that a later page does not search it again. */
function nextAfter({ after = -1 }: EntryQuery, { items, isComplete, bounds, head }: Found): number {
  const last = items.at(-1);
  if (!isComplete && last) return last.index;
  return Math.max(after, bounds ? bounds.end - 1 : head.index);
}

function searchedTimes(
  { order, from, to }: EntryQuery,
  { items, isComplete, bounds, head }: Found,
): Pick<EntryPage, 'searchedFrom' | 'searchedTo'> {
  const last = items.at(-1);
  const cut = !isComplete && last ? new Date(last.entry.recordedAt) : undefined;
  const earliest = from ?? bounds?.earliest;
  const latest = bounds ? bounds.latest : to;
  const [first, end] =
    order === 'ascending' ? [earliest, cut ?? latest] : [cut ?? earliest, latest];
  return { ...(first && { searchedFrom: first }), searchedTo: end ?? head.recordedAt };
}
