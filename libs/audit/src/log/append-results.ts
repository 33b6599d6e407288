import { type EncodedEntry, withRecordedAt } from '../entry/encode-entry.js';
import type { Addition, LogHead } from '../postgres/append-statements.js';
import type { SignedHead } from '../postgres/log-queries.js';
import { rejectionOf } from '../trail/transactional-write.js';
import { type PendingRecord, rowChanges } from './pending-batch.js';

/** The entries of a record with the index of the first, or the error of its write. */
export type AppendResult =
  | { readonly firstIndex: number; readonly entries: readonly EncodedEntry[] }
  | Rejection;

interface Rejection {
  readonly rejection: unknown;
}

/** A result for each record of the batch as it is then, and the new head unless every record was rejected. */
export interface AppendOutcome {
  readonly results: readonly AppendResult[];
  readonly head?: SignedHead;
}

/**
 * The results of records that are appended to a head, in their order.
 *
 * @param rejections errors, by the places of the records that are left out
 */
export function assignIndexes(
  records: readonly PendingRecord[],
  head: Omit<LogHead, 'root'> | undefined,
  rejections: ReadonlyMap<number, unknown> = new Map(),
): AppendResult[] {
  let index = head?.size ?? 0;
  let timeMs = head?.recordedAtMs ?? 0;
  return records.map(({ encoded }, nth) => {
    if (rejections.has(nth)) return { rejection: rejections.get(nth) };
    const firstIndex = index;
    const entries = encoded.map((entry) => {
      // Times in the log never decrease, even when the clock of another process is ahead.
      const placed = entry.recordedAtMs < timeMs ? withRecordedAt(entry, timeMs) : entry;
      timeMs = placed.recordedAtMs;
      return placed;
    });
    index += entries.length;
    return { firstIndex, entries };
  });
}

/** The entries of the records that are not rejected. */
export function entriesOf(results: readonly AppendResult[]): EncodedEntry[] {
  return results.flatMap((result) => ('entries' in result ? result.entries : []));
}

/** The outcome for records of which none was committed. */
export function outcomeOfFailure(
  records: readonly PendingRecord[],
  failure: unknown,
): AppendOutcome {
  return {
    results: records.map((record) => {
      // Which of several changes the server refused is not known here: the first names the record.
      const [change] = rowChanges(record);
      return { rejection: change ? rejectionOf(change, failure) : failure };
    }),
  };
}

export function headOf({ appended, checkpoint }: Addition): SignedHead {
  return { size: appended.frontier.size, checkpoint };
}
