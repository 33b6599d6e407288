import type { Api } from '../api/api.js';
import type { WholeEntry } from '../api/schemas.js';

/** How the cache of queries reads an entry. */
interface EntryQuery {
  readonly queryKey: readonly string[];
  readonly queryFn: (context: { readonly signal: AbortSignal }) => Promise<WholeEntry>;
}

/**
 * An entry with its proof and its neighbours, read once: each reading is an entry of its own in the log.
 *
 * @param id the id, or the index
 */
export function wholeEntryQuery(api: Api, id: string): EntryQuery {
  const path = /^\d+$/.test(id) ? `at/${id}` : encodeURIComponent(id);
  return {
    queryKey: ['entry', id],
    queryFn: async ({ signal }) =>
      api.json('GET', `/v1/audit/entries/${path}`, {
        query: { include: ['proof', 'neighbours'] },
        signal,
      }),
  };
}
