import type { Transaction } from '#libs/platform';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import { oldestRetainedAt, retiredBelowIn } from '../verify/retired-entries.js';
import type { RetainedEntries } from './recorded-table.js';

/**
 * How far a time in a row and that of its entry may differ: two clocks that are each at most
 * AUDIT_CLOCK_TOLERANCE_MS from the database's, and the longest AUDIT_TIMEOUT_MS.
 */
export const TIME_TOLERANCE_MS = 180_000;

/** The columns of `audit_entry`, of the alias `e`, that `toRecordedEntry` needs. */
export const RECORDED_ENTRY = `e.entry_index AS index, e.action, e.outcome, e.leaf,
  extract(epoch FROM e.recorded_at) * 1000 AS "recordedAtMs"`;

export interface RecordedEntryRow {
  readonly index: string;
  readonly action: string;
  readonly outcome: string;
  readonly leaf: Buffer;
  readonly recordedAtMs: string;
}

/** An entry about a row. */
export interface RecordedEntry {
  readonly index: number;
  readonly action: string;
  readonly outcome: string;
  readonly recordedAtMs: number;
  /** Absent where the bytes were edited so that they say nothing: that is a finding about the log. */
  readonly entry: AuditEntry | undefined;
}

export function toRecordedEntry(row: RecordedEntryRow): RecordedEntry {
  return {
    ...{ action: row.action, outcome: row.outcome },
    index: Number(row.index),
    recordedAtMs: Number(row.recordedAtMs),
    entry: tryParseAuditEntry(row.leaf),
  };
}

/**
 * SQL: a condition on `audit_entry`, of the alias `e`: recorded within `TIME_TOLERANCE_MS` of a time. By its index,
 * so that those of one action are found without all others of that time.
 */
export function recordedNear(time: string): string {
  const tolerance = `interval '${TIME_TOLERANCE_MS} ms'`;
  return `e.entry_index >= (SELECT entry_index FROM audit_entry WHERE recorded_at >= ${time} - ${tolerance}
      ORDER BY recorded_at, entry_index LIMIT 1)
    AND e.entry_index <= (SELECT entry_index FROM audit_entry WHERE recorded_at <= ${time} + ${tolerance}
      ORDER BY recorded_at DESC, entry_index DESC LIMIT 1)`;
}

/** The entries with one of the actions, whatever their outcome, in the order of the log. */
export async function entriesOfActions(
  transaction: Transaction,
  actions: readonly string[],
  { after, until }: { readonly after: number; readonly until: number | undefined },
): Promise<readonly RecordedEntry[]> {
  const rows = await transaction.query<RecordedEntryRow[]>(
    `SELECT ${RECORDED_ENTRY} FROM audit_entry e
     WHERE action = ANY ($1) AND entry_index > $2 AND ($3::bigint IS NULL OR entry_index <= $3)
     ORDER BY entry_index`,
    [actions, after, until],
  );
  return rows.map(toRecordedEntry);
}

export async function readRetainedEntries(transaction: Transaction): Promise<RetainedEntries> {
  const query = async <Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> =>
    transaction.query<Row[]>(sql, [...parameters]);
  const retiredBelow = await retiredBelowIn(query);
  if (retiredBelow === 0) return { sinceMs: -Infinity };
  const oldest = await oldestRetainedAt(query, retiredBelow);
  return { sinceMs: Number(oldest ?? Infinity) + TIME_TOLERANCE_MS };
}
