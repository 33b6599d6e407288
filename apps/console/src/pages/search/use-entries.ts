import { type InfiniteData, useInfiniteQuery, type UseInfiniteQueryResult } from '@tanstack/react-query';
import type { components } from '@acs-identity/client';
import { useApi } from '../../api/api-context.js';
import { absolute, type Span } from '../../time/range.js';
import { type Filter, valuesByName } from './filters.js';

export type EntryPage = components['schemas']['AuditEntryPage'];

/** Entries of a page: three screens. */
const PAGE_SIZE = 100;

/** A search: what the service is asked. */
export interface Search {
  readonly filters: readonly Filter[];
  readonly span: Span;
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
    getNextPageParam: (last: EntryPage) => last.nextCursor,
    queryFn: async ({ pageParam, signal }): Promise<EntryPage> =>
      api.json('GET', '/v1/audit/entries', {
        query: { ...queryOf(search), limit: PAGE_SIZE, cursor: pageParam },
        signal,
      }),
  });
}

/** The parameters of a search at the service. */
function queryOf(search: Search | undefined): Readonly<Record<string, string | string[]>> {
  if (!search) return {};
  const { filters, span } = search;
  const { from, to } = absolute(span, 0);
  return {
    ...(span.from > 0 && { from }),
    ...(span.to !== undefined && { to }),
    ...valuesByName(filters),
  };
}
