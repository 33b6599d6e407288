import type { Api } from '../../api/api.js';
import { type Filter, searchesOf } from './filters.js';
import { queryOf, type Search } from './use-entries.js';

/** A file of an export, which the service gives for one search. */
export interface ExportedFile {
  readonly name: string;
  readonly content: Blob;
  /** Its media type. */
  readonly type: string;
}

/** @throws the reason of the signal, once that is aborted: of an export that was cancelled nothing may be saved */
export async function readExports(
  api: Pick<Api, 'send'>,
  search: Search,
  format: string,
  signal: AbortSignal,
): Promise<readonly ExportedFile[]> {
  const files = await Promise.all(
    exportsOf(search.filters).map(async ({ name, filters }) => {
      const response = await api.send('GET', '/v1/audit/export', {
        query: {
          ...queryOf(filters, search.span),
          ...(format === 'csv' && { bom: 'true' }),
          format,
        },
        signal,
      });
      // A body that breaks off rejects: a part of an export is not saved for the whole.
      const content = await response.blob();
      return { name, content, type: response.headers.get('content-type') ?? '' };
    }),
  );
  signal.throwIfAborted();
  return files;
}

/** The service exports one search at a time. */
export function exportsOf(
  filters: readonly Filter[],
): readonly { readonly name: string; readonly filters: readonly Filter[] }[] {
  const isInvolved = filters.some(({ name }) => name === 'involvedSubject');
  return searchesOf(filters).map((one) => {
    const side = one.at(-1)?.name === 'actorSubject' ? 'by' : 'on';
    return { name: isInvolved ? `audit-log-${side}-person` : 'audit-log', filters: one };
  });
}
