import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Clock, Logger, uuidText } from '#libs/platform';
import { encodeEntry } from '../entry/encode-entry.js';
import { AuditUnavailable } from '../errors.js';
import { RollbackDetector } from '../log/rollback-detector.js';
import { type AppendResult, type PendingRecord, Sequencer } from '../log/sequencer.js';
import { AuditMetrics } from '../metrics.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { assertAuditAction, type AuditEvent } from './audit-event.js';
import { AuditEntryEvents, type CommittedEntry } from './audit-entry-events.js';
import { type AuditReceipt, AuditTrail, type TransactionalWrite } from './audit-trail.js';
import { forEachYielding } from './for-each-yielding.js';

/** Larger batches gain nothing: the cost of a commit is no longer worth sharing further. */
const MAX_BATCH_ENTRIES = 2048;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

interface PooledRecord extends PendingRecord {
  readonly deadline: number;
  isSettled: boolean;
  readonly resolve: (receipts: readonly AuditReceipt[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The audit trail in PostgreSQL. Records are pooled while a commit is in progress and share the next
 * one: an idle log commits at once, a busy one in batches.
 */
@Injectable()
export class PostgresAuditTrail extends AuditTrail {
  #pool: PooledRecord[] = [];
  /** The batch whose commit is in progress. */
  #committing: readonly PooledRecord[] = [];
  #pendingEntryCount = 0;
  #isSequencing = false;
  #isEnforcingDeadlines = false;

  constructor(
    private readonly sequencer: Sequencer,
    private readonly rollbackDetector: RollbackDetector,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
    private readonly events: AuditEntryEvents,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    super();
  }

  override async recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]> {
    if (events.length === 0) throw new Error('a record needs an event');
    for (const { action } of events) assertAuditAction(action);
    if (this.#pendingEntryCount + events.length > this.settings.queueLimit) {
      throw this.#unavailable('queue full');
    }
    const now = this.clock.now();
    const encoded = events.map((event) => encodeEntry(event, now));
    const { promise, resolve, reject } = Promise.withResolvers<readonly AuditReceipt[]>();
    const deadline = now + this.settings.timeoutMs;
    this.#pool.push({ events, write, encoded, deadline, isSettled: false, resolve, reject });
    this.#addPending(events.length);
    if (!this.#isSequencing) void this.#sequencePool();
    if (!this.#isEnforcingDeadlines) void this.#enforceDeadlines();
    return promise;
  }

  async #sequencePool(): Promise<void> {
    this.#isSequencing = true;
    await setImmediate(); // records that arrive in the same moment share the first commit
    while (this.#pool.length > 0) {
      this.#committing = this.#takeBatch();
      if (this.#committing.length > 0) await this.#commitBatch(this.#committing);
      this.#committing = [];
    }
    this.#isSequencing = false;
  }

  #takeBatch(): PooledRecord[] {
    let entries = 0;
    let bytes = 0;
    const end = this.#pool.findIndex(({ encoded }) => {
      entries += encoded.length;
      for (const { leaf } of encoded) bytes += leaf.length;
      return entries > MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES;
    });
    const batch = this.#pool.splice(0, end === -1 ? this.#pool.length : Math.max(end, 1));
    return batch.filter(({ isSettled }) => !isSettled);
  }

  async #commitBatch(batch: readonly PooledRecord[]): Promise<void> {
    const startedAt = performance.now();
    try {
      await this.rollbackDetector.assertConsistent();
      const { results, head } = await this.sequencer.append(batch);
      if (head) this.rollbackDetector.observe(head);
      if (results.length !== batch.length) throw new Error('not every record has a result');
      // Not awaited: the next commit starts before the callers of this one continue.
      void forEachYielding(batch, (record, nth) => {
        const result = results[nth];
        if (result) this.#settleWith(record, result);
      });
      this.#publish(results);
    } catch (error) {
      this.rollbackDetector.noteFailure(error);
      this.logger.error({ error, entries: batch.length }, 'audit append failed');
      for (const record of batch) {
        this.#settle(record, () => {
          record.reject(this.#unavailable('append failed', error));
        });
      }
    }
    this.metrics.appendSeconds.observe((performance.now() - startedAt) / 1000);
    this.metrics.batchEntries.observe(batch.reduce((sum, { events }) => sum + events.length, 0));
  }

  #publish(results: readonly AppendResult[]): void {
    if (!this.events.hasListeners) return;
    try {
      this.events.emit(committedEntries(results));
    } catch (error) {
      // The entries are committed: an error of a listener must not reject their records.
      this.logger.error({ error }, 'audit entry listener failed');
    }
  }

  #settleWith(record: PooledRecord, result: AppendResult): void {
    this.#settle(record, () => {
      if ('rejection' in result) {
        record.reject(result.rejection);
        return;
      }
      const { entries, firstIndex } = result;
      this.metrics.appendedEntries.inc(entries.length);
      record.resolve(entries.map(({ id }, nth) => ({ id: uuidText(id), index: firstIndex + nth })));
    });
  }

  /** Rejects records at their deadline, whatever the database does. Runs while records are pending. */
  async #enforceDeadlines(): Promise<void> {
    this.#isEnforcingDeadlines = true;
    for (;;) {
      const oldest = [...this.#committing, ...this.#pool].find(({ isSettled }) => !isSettled);
      if (!oldest) break;
      await this.clock.sleep(oldest.deadline - this.clock.now());
      const overdue = [...this.#committing, ...this.#pool].filter(
        ({ isSettled, deadline }) => !isSettled && deadline <= this.clock.now(),
      );
      if (overdue.length > 0) {
        this.logger.error({ entries: overdue.length }, 'audit append overdue');
      }
      for (const record of overdue) {
        this.#settle(record, () => {
          record.reject(this.#unavailable('deadline'));
        });
      }
      this.#pool = this.#pool.filter(({ isSettled }) => !isSettled);
    }
    this.#isEnforcingDeadlines = false;
  }

  #settle(record: PooledRecord, settle: () => void): void {
    if (record.isSettled) return;
    record.isSettled = true;
    this.#addPending(-record.events.length);
    settle();
  }

  #unavailable(reason: string, cause?: unknown): AuditUnavailable {
    this.metrics.failures.inc({ reason });
    return new AuditUnavailable({ cause });
  }

  #addPending(entryCount: number): void {
    this.#pendingEntryCount += entryCount;
    this.metrics.pendingEntries.set(this.#pendingEntryCount);
  }
}

function committedEntries(results: readonly AppendResult[]): CommittedEntry[] {
  return results.flatMap((result) => {
    if ('rejection' in result) return [];
    return result.entries.map(({ entry }, nth) => ({ index: result.firstIndex + nth, entry }));
  });
}
