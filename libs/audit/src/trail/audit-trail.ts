import type { Transaction } from '#libs/platform';
import type { AuditEvent } from './audit-event.js';

/** Where in the log an entry stands. */
export interface AuditReceipt {
  /** UUIDv7 of the entry. */
  readonly id: string;
  /** Place in the log, from 0, without gaps. */
  readonly index: number;
}

/**
 * Statements that stand or fall with the entries.
 *
 * They run while the whole log waits: a few fast statements, no calls elsewhere, no waiting for
 * locks that another caller of `record` may hold.
 */
export type TransactionalWrite = (transaction: Transaction) => Promise<void>;

/** Where everything that happens is recorded, for good. */
export abstract class AuditTrail {
  /**
   * Resolves once the entry is durable and in the log, together with the change.
   *
   * A change that rejects leaves neither itself nor its entry, and its error comes out unchanged.
   * After `AuditUnavailable` the entry and the change may have happened (both, or neither), as
   * with any answer that is lost: whoever repeats must be prepared for it.
   *
   * @throws AuditUnavailable when this can't be done within `AUDIT_TIMEOUT_MS`
   */
  async record(event: AuditEvent, write?: TransactionalWrite): Promise<AuditReceipt> {
    const [receipt] = await this.recordAll([event], write);
    if (!receipt) throw new Error('no receipt for an entry');
    return receipt;
  }

  /** As `record`, for several entries that stand or fall together, next to each other in the log. */
  abstract recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]>;
}
