import type { Transaction } from '#libs/platform';
import type { RecordedTable, SliceRange } from './recorded-table.js';

/** All ids follow it. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';
/** All indexes follow it. */
export const FIRST_INDEX = -1;

/** The slice of rows that follows an id. */
export async function rowsAfter(
  transaction: Transaction,
  { table }: RecordedTable,
  after: string,
  maxRows: number,
): Promise<SliceRange<string>> {
  const [last] = await transaction.query<{ id: string }[]>(
    `SELECT id FROM ${table} WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1`,
    [after, maxRows - 1],
  );
  return { after, until: last?.id };
}

/** The slice of entries that follows an index. */
export async function entriesAfter(
  transaction: Transaction,
  { actions }: RecordedTable,
  after: number,
  maxEntries: number,
): Promise<SliceRange<number>> {
  const [last] = await transaction.query<{ index: string }[]>(
    `SELECT e.entry_index AS index FROM unnest($1::text[]) AS of (action), LATERAL (
       SELECT entry_index FROM audit_entry WHERE action = of.action AND entry_index > $2
       ORDER BY entry_index LIMIT $3) AS e
     ORDER BY e.entry_index OFFSET $3 - 1 LIMIT 1`,
    [actions, after, maxEntries],
  );
  return { after, until: last && Number(last.index) };
}
