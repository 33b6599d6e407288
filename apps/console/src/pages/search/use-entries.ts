import {
  type InfiniteData,
  useInfiniteQuery,
  type UseInfiniteQueryResult,
} from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Query } from '../../api/api.js';
import { useApi } from '../../api/api-context.js';
import { useKept } from '../../shell/use-kept.js';
import { absolute, type Span } from '../../time/range.js';
import { definitionOf, type Filter, searchesOf, valuesByName } from './filters.js';
import {
  type MergedPage,
  mergePages,
  type Merging,
  mergingOf,
  type ReadPage,
} from './merge-pages.js';

/** Entries of a page: three screens. */
const PAGE_SIZE = 100;

/** A search, as the service gets it. */
export interface Search {
  readonly filters: readonly Filter[];
  readonly span: Span;
  /** Whether the oldest entries come first. */
  readonly isAscending: boolean;
}

/**
 * The entries that match, page by page. They never change, so a page is read once, and again at a refresh: its
 * entries are those of a moment also when the search has a start of its own.
 *
 * @param searchedAt in ms of the epoch
 */
export function useEntries(
  search: Search | undefined,
  searchedAt: number,
): UseInfiniteQueryResult<InfiniteData<MergedPage>> {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['entries', search, searchedAt],
    enabled: search !== undefined,
    initialPageParam: undefined as Merging | undefined,
    getNextPageParam: ({ next }: MergedPage) => next,
    queryFn: async ({ pageParam, signal }): Promise<MergedPage> => {
      const isAscending = search?.isAscending === true;
      const readers = searchesOf(search?.filters ?? []).map(
        (filters): ReadPage =>
          async (cursor) =>
            // In a body, so that no personal value is part of an address.
            api.json('POST', '/v1/audit/entries/search', {
              body: {
                ...criteriaOf(filters, search?.span),
                ...(isAscending && { order: 'ascending' }),
                limit: PAGE_SIZE,
                cursor,
              },
              signal,
            }),
      );
      return mergePages(readers, isAscending, pageParam ?? mergingOf(readers.length));
    },
  });
}

/** A search with what it found. */
export interface ShownEntries {
  readonly search: Search;
  /** In ms of the epoch. */
  readonly searchedAt: number;
  readonly pages: readonly MergedPage[];
}

/**
 * What is shown of a search: what it found, and until a refresh has found something what was found before.
 *
 * @param what the search without its time
 */
export function useShownEntries(
  what: string,
  search: Search | undefined,
  searchedAt: number,
  pages: readonly MergedPage[] | undefined,
): ShownEntries | undefined {
  const found = useMemo(
    () => search && pages && { search, searchedAt, pages },
    [search, searchedAt, pages],
  );
  return useKept(what, found);
}

/** The conditions of a search, as every route of the log takes them. */
function criteriaOf(
  filters: readonly Filter[],
  span: Span | undefined,
): Readonly<Record<string, unknown>> {
  const { isGuest, ...values } = queryOf(filters, span);
  return { ...values, ...(isGuest !== undefined && { isGuest: isGuest === 'true' }) };
}

/** The same in a query, where all values are texts. */
export function queryOf(filters: readonly Filter[], span?: Span): Query {
  const { from, to } = absolute(span ?? { from: 0, to: undefined }, 0);
  const values = Object.entries(valuesByName(filters)).map(
    ([name, list]): [string, string | readonly string[]] => [
      name,
      definitionOf(name)?.isList === true ? list : (list[0] ?? ''),
    ],
  );
  return {
    ...(span && span.from > 0 && { from }),
    ...(span?.to !== undefined && { to }),
    ...Object.fromEntries(values),
  };
}
