import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';
import type { AuditEvent } from './audit-event.js';
import { AuditMetrics } from '../metrics.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type AuditReceipt, AuditTrail, type TransactionalWrite } from './audit-trail.js';
import { AuditUnavailable } from '../errors.js';
import { encodeEntry } from '../entry/encode-entry.js';
import { forEachYielding } from './for-each-yielding.js';
import { Sequencer, type PendingRecord, type AppendResult } from '../log/sequencer.js';
import { RollbackDetector } from '../log/rollback-detector.js';
import { uuidText } from '../entry/uuid-v7.js';

/** As much shares one commit at most: what a commit costs beyond is no longer worth sharing. */
const MAX_BATCH_ENTRIES = 2048;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

interface PooledRecord extends PendingRecord {
  readonly deadline: number;
  isSettled: boolean;
  readonly resolve: (receipts: readonly AuditReceipt[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The log in PostgreSQL. While one commit is under way, what comes in is gathered for the next one:
 * an idle log commits at once, a busy one shares commits.
 */
@Injectable()
export class PostgresAuditTrail extends AuditTrail {
  #pool: PooledRecord[] = [];
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
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    super();
  }

  override async recordAll(
    events: readonly AuditEvent[],
    write?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]> {
    if (events.length === 0) throw new Error('a record needs an event');
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
    await setImmediate(); // those who come in the same moment share the first commit
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
      const { verdicts, committed } = await this.sequencer.append(batch);
      if (committed) this.rollbackDetector.observe(committed);
      // Not waited for: the next commit is on its way before those who wait for this one go on.
      if (verdicts.length !== batch.length) throw new Error('not every submission has a verdict');
      void forEachYielding(batch, (waiting, nth) => {
        const verdict = verdicts[nth];
        if (verdict) this.#settleWith(waiting, verdict);
      });
    } catch (error) {
      this.rollbackDetector.noteFailure(error);
      this.logger.error({ error, entries: batch.length }, 'audit append failed');
      for (const waiting of batch) {
        this.#settle(waiting, () => {
          waiting.reject(this.#unavailable('append failed', error));
        });
      }
    }
    this.metrics.appendSeconds.observe((performance.now() - startedAt) / 1000);
    this.metrics.batchEntries.observe(batch.reduce((sum, { events }) => sum + events.length, 0));
  }

  #settleWith(waiting: PooledRecord, verdict: AppendResult): void {
    this.#settle(waiting, () => {
      if ('rejection' in verdict) {
        waiting.reject(verdict.rejection);
        return;
      }
      this.metrics.appended.inc(verdict.entries.length);
      waiting.resolve(
        verdict.entries.map(({ id }, nth) => ({
          id: uuidText(id),
          index: verdict.firstIndex + nth,
        })),
      );
    });
  }

  /** Nobody waits longer than the deadline, whatever the database does. */
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
      for (const waiting of overdue) {
        this.#settle(waiting, () => {
          waiting.reject(this.#unavailable('deadline'));
        });
      }
      this.#pool = this.#pool.filter(({ isSettled }) => !isSettled);
    }
    this.#isEnforcingDeadlines = false;
  }

  #settle(waiting: PooledRecord, answer: () => void): void {
    if (waiting.isSettled) return;
    waiting.isSettled = true;
    this.#addPending(-waiting.events.length);
    answer();
  }

  #unavailable(reason: string, cause?: unknown): AuditUnavailable {
    this.metrics.failures.inc({ reason });
    return new AuditUnavailable({ cause });
  }

  #addPending(entries: number): void {
    this.#pendingEntryCount += entries;
    this.metrics.waiting.set(this.#pendingEntryCount);
  }
}
