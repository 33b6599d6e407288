import type { AuditEvent } from './audit-event.js';
import type { TransactionalWrite } from './transactional-write.js';

/** Identifies an entry in the log. */
export interface AuditReceipt {
  /** UUIDv7 of the entry. */
  readonly id: string;
  /** Index in the log, from 0, without gaps. */
  readonly index: number;
}

/** What `record` may know about its caller. */
export interface RecordOptions {
  /**
   * The entries to add when the caller had gone before the commit was confirmed: past the deadline, or
   * `signal` has aborted. They correct entries that state what nobody received. They are recorded without
   * a deadline, and before the process ends.
   *
   * @param receipts of the committed entries
   */
  readonly late?: (receipts: readonly AuditReceipt[]) => readonly AuditEvent[];
  /** Aborts when the caller no longer waits. What is not being committed yet is then not recorded. */
  readonly signal?: AbortSignal | undefined;
}

/** Where events are recorded as entries of the audit log. */
export abstract class AuditTrail {
  /**
   * Resolves when the entry is durable and in the log, together with the write.
   *
   * A write that rejects leaves no trace, neither does its entry, and its error is passed on unchanged.
   * After `AuditUnavailable`, entry and write may have been committed (both, or neither), as with any
   * answer that is lost: the write must be safe to repeat.
   *
   * @throws AuditUnavailable when the entry can't be committed within `AUDIT_TIMEOUT_MS`
   */
  async record(
    event: AuditEvent,
    write?: TransactionalWrite,
    options?: RecordOptions,
  ): Promise<AuditReceipt> {
    const [receipt] = await this.recordAll([event], write, options);
    if (!receipt) throw new Error('no receipt for an entry');
    return receipt;
  }

  /** As `record`, for several entries with consecutive indexes, which are committed all or none. */
  abstract recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
    options?: RecordOptions,
  ): Promise<readonly AuditReceipt[]>;

  /**
   * To be called before work that is worthless unless it is recorded, such as a call to another service.
   *
   * @throws AuditUnavailable when the entries that wait already will take longer than a record may
   */
  requireCapacity(): void {
    // An adapter without a queue has always capacity.
  }
}
