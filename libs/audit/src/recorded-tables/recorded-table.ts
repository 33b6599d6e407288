import type { Transaction } from '#libs/platform';

/** A row that is not as the log recorded it, or that only one of the two has. */
export interface RowDifference {
  /**
   * - `column-differs`: a column of the row is not as the entry recorded it
   * - `row-missing`: the log has the row, the table has not
   * - `row-unrecorded`: the log has no entry about the row
   * - `identity-left-out`: a mass revocation that concerns the mapping has not reached it, and will not
   */
  readonly kind: 'column-differs' | 'row-missing' | 'row-unrecorded' | 'identity-left-out';
  /** Id of the row. */
  readonly row: string;
  /** Index of the entry; absent when the log has none. */
  readonly entry?: number;
  /** What differs, without its value. */
  readonly detail: string;
}

/** Rows in the order of their ids, or entries in the order of the log: after one, up to another or to the end. */
export interface SliceRange<Place> {
  readonly after: Place;
  readonly until: Place | undefined;
}

/**
 * A table whose rows come with entries in one transaction, so that any snapshot has both. It is compared with the
 * log in both directions, slice by slice. The log is verified elsewhere.
 */
export interface RecordedTable {
  /** Of the part of the verification, such as `invitations`. */
  readonly name: string;
  /** What a row is, such as `invitation`. */
  readonly noun: string;
  /** Its ids are UUIDs. */
  readonly table: string;
  /** All tables that the comparison reads, besides those of the log. */
  readonly reads: readonly string[];
  /** The actions whose entries have a row. */
  readonly actions: readonly string[];
  /** Compares each row with the entries about it. */
  compareRows(
    transaction: Transaction,
    range: SliceRange<string>,
    retained: RetainedEntries,
  ): Promise<readonly RowDifference[]>;
  /** Looks up the rows of the entries with one of the `actions`. */
  compareEntries(
    transaction: Transaction,
    range: SliceRange<number>,
    retained: RetainedEntries,
  ): Promise<readonly RowDifference[]>;
}

/** Which entries the log still has. */
export interface RetainedEntries {
  /** Entries about rows that were made before this time may be retired. Milliseconds since 1970; -Infinity: none is. */
  readonly sinceMs: number;
}
