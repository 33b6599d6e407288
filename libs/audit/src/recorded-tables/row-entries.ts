import type { Transaction } from '#libs/platform';
import { type RecordedEntry, type RecordedEntryRow, toRecordedEntry } from './recorded-entries.js';
import type { RowDifference, SliceRange } from './recorded-table.js';

/**
 * The entries about the rows of a slice, by the id of the row.
 *
 * @param sql selects `id` of the row and `RECORDED_ENTRY`, in the order of the log; the row's id is above $1 and
 *   at most $2, which is NULL for the last slice
 */
export async function entriesByRow(
  transaction: Transaction,
  sql: string,
  { after, until }: SliceRange<string>,
): Promise<ReadonlyMap<string, readonly RecordedEntry[]>> {
  const rows = await transaction.query<(RecordedEntryRow & { readonly id: string })[]>(sql, [
    after,
    until,
  ]);
  const byRow = Map.groupBy(rows, ({ id }) => id);
  return new Map([...byRow].map(([id, found]) => [id, found.map(toRecordedEntry)]));
}

/** @param entry the entry that recorded the columns otherwise, if there is one */
export function columnsDiffer(
  row: string,
  columns: readonly string[],
  entry?: RecordedEntry,
): readonly RowDifference[] {
  return columns.map((detail) => ({
    ...{ kind: 'column-differs', row, detail },
    ...(entry && { entry: entry.index }),
  }));
}
