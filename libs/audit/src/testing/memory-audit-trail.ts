import { type Transaction, uuidV7 } from '#libs/platform';
import type { AuditEvent } from '../trail/audit-event.js';
import { type AuditReceipt, AuditTrail, type TransactionalWrite } from '../trail/audit-trail.js';

/** Keeps events in memory, for tests. */
export class MemoryAuditTrail extends AuditTrail {
  readonly entries: (AuditEvent & AuditReceipt)[] = [];
  /** When set, every record is refused with it, as during an outage. */
  outage: Error | undefined;

  /** @param transaction what changes get; without it, a change that touches its transaction fails */
  constructor(private readonly transaction: Transaction = noTransaction) {
    super();
  }

  override async recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]> {
    if (this.outage) throw this.outage;
    await write?.(this.transaction);
    return events.map((event) => {
      const receipt = { id: uuidV7(Date.now()), index: this.entries.length };
      this.entries.push({ ...event, ...receipt });
      return receipt;
    });
  }
}

// Stands for a transaction where there is no database: nobody may use it.
const noTransaction = new Proxy(Object.create(null) as Transaction, {
  get: (_target, name) => {
    throw new Error(`MemoryAuditTrail has no database: ${String(name)} was used`);
  },
});
