import type { Transaction } from '#libs/platform';
import { readRetainedEntries } from './recorded-entries.js';
import type { RecordedTable, RowDifference } from './recorded-table.js';
import { entriesAfter, FIRST_ID, FIRST_INDEX, rowsAfter } from './table-slices.js';

const SLICE_ROWS = 1_000;

/** What a check of a whole table found. */
export interface TableReport {
  /** Such as `invitations`. */
  readonly name: string;
  /** What a row is, such as `invitation`. */
  readonly noun: string;
  /** False when the role may not read the table: nothing was compared. */
  readonly isPermitted: boolean;
  readonly rows: number;
  readonly differenceCount: number;
  readonly differences: readonly RowDifference[];
}

/**
 * Compares a whole table with a log that was verified in the same snapshot, in constant memory.
 *
 * @param listLimit how many differences are listed; all are counted
 */
export async function checkTable(
  transaction: Transaction,
  table: RecordedTable,
  listLimit: number,
): Promise<TableReport> {
  const { name, noun } = table;
  const isPermitted = await mayRead(transaction, table.reads);
  if (!isPermitted) {
    return { name, noun, isPermitted, rows: 0, differenceCount: 0, differences: [] };
  }
  const retained = await readRetainedEntries(transaction);
  const differences: RowDifference[] = [];
  let differenceCount = 0;
  const add = (found: readonly RowDifference[]): void => {
    differenceCount += found.length;
    differences.push(...found.slice(0, listLimit - differences.length));
  };
  for (let after: string | undefined = FIRST_ID; after !== undefined;) {
    const range = await rowsAfter(transaction, table, after, SLICE_ROWS);
    add(await table.compareRows(transaction, range, retained));
    after = range.until;
  }
  for (let after: number | undefined = FIRST_INDEX; after !== undefined;) {
    const range = await entriesAfter(transaction, table, after, SLICE_ROWS);
    add(await table.compareEntries(transaction, range, retained));
    after = range.until;
  }
  const [count] = await transaction.query<{ rows: string }[]>(
    `SELECT count(*) AS rows FROM ${table.table}`,
  );
  return { name, noun, isPermitted, rows: Number(count?.rows), differenceCount, differences };
}

async function mayRead(transaction: Transaction, tables: readonly string[]): Promise<boolean> {
  const [role] = await transaction.query<{ may: boolean }[]>(
    `SELECT bool_and(has_table_privilege(name, 'SELECT')) AS may FROM unnest($1::text[]) AS name`,
    [tables],
  );
  return role?.may === true;
}
