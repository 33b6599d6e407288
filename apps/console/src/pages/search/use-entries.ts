import {
  type InfiniteData,
  useInfiniteQuery,
  type UseInfiniteQueryResult,
} from '@tanstack/react-query';
import type { components } from '@acs-identity/client';
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
      // In a body, so that no personal value is part of an address.
      api.json('POST', '/v1/audit/entries/search', {
        body: { ...criteriaOf(search), limit: PAGE_SIZE, cursor: pageParam },
        signal,
      }),
  });
}

/** The conditions of a search, as every route of the log takes them. */
export function criteriaOf(
  search: Search | undefined,
): Readonly<Record<string, string | boolean | readonly string[]>> {
  if (!search) return {};
  const { filters, span } = search;
  const { from, to } = absolute(span, 0);
  const { isGuest, ...values } = valuesByName(filters);
  const one = Object.entries(values).map(([name, list]): [string, string | readonly string[]] => [
    name,
    definitionOf(name)?.isList === true ? list : (list[0] ?? ''),
  ]);
  return {
    ...(span.from > 0 && { from }),
    ...(span.to !== undefined && { to }),
    ...(isGuest && { isGuest: isGuest[0] === 'true' }),
    ...Object.fromEntries(one),
  };
}
