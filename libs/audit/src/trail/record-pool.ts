import type { Context } from '@opentelemetry/api';
import type { EncodedEntry } from '../entry/encode-entry.js';
import type { PendingRecord } from '../log/pending-batch.js';
import type { AuditReceipt, RecordOptions } from './audit-trail.js';

/** A record that waits for its commit, with the means to settle its caller. */
export interface PooledRecord extends PendingRecord, RecordOptions {
  /** Milliseconds since 1970; infinite for entries that must be recorded whenever that is possible. */
  readonly deadline: number;
  /** Replaced when the record waited for long: an entry has the time at which it is recorded. */
  encoded: readonly EncodedEntry[];
  isSettled: boolean;
  /** Of the request, when it is recorded. */
  readonly trace?: Context | undefined;
  readonly resolve: (receipts: readonly AuditReceipt[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Of leaves. Bounds what the server waits for once it has begun to read a flight. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** The records of a process that wait for their commit, oldest first. */
export class RecordPool {
  #records: PooledRecord[] = [];

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  [Symbol.iterator](): Iterator<PooledRecord> {
    return this.#records.values();
  }

  add(record: PooledRecord): void {
    this.#records.push(record);
  }

  /** Puts records back whose batch was not committed. */
  addAgain(records: readonly PooledRecord[]): void {
    this.#records = [...records, ...this.#records];
  }

  removeSettled(): void {
    this.#records = this.#records.filter(({ isSettled }) => !isSettled);
  }

  /**
   * Removes the records of the next batch: the oldest, alone if its write is a function, or else as many
   * as fit, without those whose write is a function.
   */
  takeBatch(maxEntries: number): PooledRecord[] {
    this.removeSettled();
    if (typeof this.#records[0]?.write === 'function') return this.#records.splice(0, 1);
    const batch: PooledRecord[] = [];
    this.refill(batch, maxEntries);
    return batch;
  }

  /** Leaves settled records out of a batch that has not been sent, and moves further ones into it. */
  refill(batch: PooledRecord[], maxEntries: number): void {
    const candidates = [...batch, ...this.#records].filter(({ isSettled }) => !isSettled);
    batch.length = 0;
    this.#records = [];
    let entries = 0;
    let bytes = 0;
    let isFull = false;
    for (const record of candidates) {
      if (!isFull && typeof record.write !== 'function') {
        entries += record.encoded.length;
        bytes += sizeOf(record.encoded);
        isFull = batch.length > 0 && (entries > maxEntries || bytes > MAX_BATCH_BYTES);
        if (!isFull) {
          batch.push(record);
          continue;
        }
      }
      this.#records.push(record);
    }
  }
}

function sizeOf(encoded: readonly EncodedEntry[]): number {
  return encoded.reduce((sum, { leaf }) => sum + leaf.length, 0);
}
