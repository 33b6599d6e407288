import {
  type InfiniteData,
  useInfiniteQuery,
  type UseInfiniteQueryResult,
} from '@tanstack/react-query';
import type { components } from '@acs-identity/client';
import type { Query } from '../../api/api.js';
import { useApi } from '../../api/api-context.js';
import { absolute, type Span } from '../../time/range.js';
import { definitionOf, type Filter, valuesByName } from './filters.js';

export type EntryPage = components['schemas']['AuditEntryPage'];

/** Entries of a page: three screens. */
const PAGE_SIZE = 100;

/** A search, as the service gets it. */
export interface Search {
  readonly filters: readonly Filter[];
  readonly span: Span;
  /** Whether the oldest entries come first. */
  readonly isAscending: boolean;
}

/** The entries that match, page by page. They never change, so a page is read once. */
export function useEntries(
  search: Search | undefined,
): UseInfiniteQueryResult<InfiniteData<EntryPage>> {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ['entries', search],
    enabled: search !== undefined,
    initialPageParam: undefined as string | undefined,
    // The cursor of the newest page waits for later entries.
    getNextPageParam: ({ nextCursor, isComplete }: EntryPage) =>
      isComplete && search?.isAscending === true ? undefined : nextCursor,
    queryFn: async ({ pageParam, signal }): Promise<EntryPage> =>
      // In a body, so that no personal value is part of an address.
      api.json('POST', '/v1/audit/entries/search', {
        body: {
          ...criteriaOf(search),
          ...(search?.isAscending === true && { order: 'ascending' }),
          limit: PAGE_SIZE,
          cursor: pageParam,
        },
        signal,
      }),
  });
}

/** The conditions of a search, as every route of the log takes them. */
function criteriaOf(search: Search | undefined): Readonly<Record<string, unknown>> {
  if (!search) return {};
  const { isGuest, ...values } = queryOf(search.filters, search.span);
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
