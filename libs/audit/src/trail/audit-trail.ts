import type { Transaction } from '#libs/platform';
import type { AuditEvent } from './audit-event.js';

/** Identifies an entry in the log. */
export interface AuditReceipt {
  /** UUIDv7 of the entry. */
  readonly id: string;
  /** Index in the log, from 0, without gaps. */
  readonly index: number;
}

/**
 * Statements that commit in the transaction that appends their entry: both take effect, or neither.
 *
 * This makes `AuditTrail` and `IdentityMap` one PostgreSQL unit: a change of a mapping is only possible
 * as a write of `AuditTrail.record`. Neither can be replaced by an adapter of another database alone.
 *
 * The log is locked while a write runs: a few fast statements, no calls to other services, and no
 * waiting for locks that another caller of `record` may hold.
 */
export type TransactionalWrite = (transaction: Transaction) => Promise<void>;

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
  async record(event: AuditEvent, write?: TransactionalWrite): Promise<AuditReceipt> {
    const [receipt] = await this.recordAll([event], write);
    if (!receipt) throw new Error('no receipt for an entry');
    return receipt;
  }

  /** As `record`, for several entries with consecutive indexes, which are committed all or none. */
  abstract recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]>;
}
