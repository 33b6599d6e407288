import { type Transaction, uuidV7 } from '#libs/platform';
import type { AuditEntry } from '../entry/audit-entry.js';
import type { NewestEntries } from '../query/newest-entries.js';
import { assertAuditAction, type AuditEvent } from '../trail/audit-event.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { applyWrite, type TransactionalWrite } from '../trail/transactional-write.js';

/** An audit trail in memory, for tests. */
export class MemoryAuditTrail extends AuditTrail {
  readonly entries: (AuditEvent & AuditReceipt)[] = [];
  /** While set, every record is rejected with this error. */
  outage: Error | undefined;

  /** @param transaction is passed to writes; without it, a write that uses its transaction fails */
  constructor(private readonly transaction: Transaction = noTransaction) {
    super();
  }

  override async recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]> {
    if (this.outage) throw this.outage;
    for (const { action } of events) assertAuditAction(action);
    if (write) await applyWrite(this.transaction, write);
    return events.map((event) => {
      const receipt = { id: uuidV7(Date.now()), index: this.entries.length };
      this.entries.push({ ...event, ...receipt });
      return receipt;
    });
  }
}

/** The newest entries of a trail in memory: what its events say, without what the log adds to them. */
export function newestEntriesOf(trail: MemoryAuditTrail): NewestEntries {
  const successOf: NewestEntries['successOf'] = async (action, actorName) => {
    const isSuccess = ({ actor, ...event }: AuditEvent): boolean =>
      event.action === action &&
      event.outcome === 'success' &&
      (actorName === undefined || ('name' in actor && actor.name === actorName));
    return Promise.resolve(trail.entries.findLast(isSuccess) as AuditEntry | undefined); // see above
  };
  return { successOf } as NewestEntries; // its only method
}

// The transaction of a trail without a database: any use throws.
const noTransaction = new Proxy(Object.create(null) as Transaction, {
  get: (_target, name) => {
    throw new Error(`MemoryAuditTrail has no database: ${String(name)} was used`);
  },
});
