import type { EncodedEntry } from '../entry/encode-entry.js';
import type { AuditEvent } from '../trail/audit-event.js';
import {
  changesOf,
  type RowChange,
  type TransactionalWrite,
} from '../trail/transactional-write.js';

/** A call of `AuditTrail.recordAll` that waits for its commit. Committed whole or rejected whole. */
export interface PendingRecord {
  readonly events: readonly AuditEvent[];
  readonly write: TransactionalWrite | undefined;
  readonly encoded: readonly EncodedEntry[];
}

/** The records of one append. */
export interface PendingBatch {
  /** In the order of their entries. One alone when its write is a function. */
  readonly records: readonly PendingRecord[];
  /**
   * Leaves out records whose callers are gone, and adds those that have arrived since. Called before any
   * of them is sent, when this process has waited for the lock.
   */
  readonly refill: () => void;
}

/** The changes of a record in a batch, where no write is a function. */
export function rowChanges({ write }: PendingRecord): readonly RowChange[] {
  if (typeof write === 'function') throw new Error('a function is appended alone');
  return write ? changesOf(write) : [];
}

export function* timesOf(records: readonly PendingRecord[]): Generator<number> {
  for (const { encoded } of records) for (const { recordedAtMs } of encoded) yield recordedAtMs;
}
