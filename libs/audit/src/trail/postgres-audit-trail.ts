import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import {
  Clock,
  currentTrace,
  detached,
  Logger,
  recordStep,
  sqlState,
  traced,
  uuidText,
} from '#libs/platform';
import { encodeEntry, withRecordedAt } from '../entry/encode-entry.js';
import { AuditUnavailable } from '../errors.js';
import { RollbackDetector } from '../log/rollback-detector.js';
import type { AppendResult } from '../log/append-results.js';
import { Sequencer } from '../log/sequencer.js';
import { AuditMetrics } from '../metrics.js';
import { FlightLost } from '../postgres/flight.js';
import { COMMIT_SPAN } from './commit-span.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { AppendRate } from './append-rate.js';
import { assertAuditAction, type AuditEvent } from './audit-event.js';
import { AuditEntryEvents, type CommittedEntry } from './audit-entry-events.js';
import { type AuditReceipt, AuditTrail, type RecordOptions } from './audit-trail.js';
import { forEachYielding } from './for-each-yielding.js';
import { type PooledRecord, RecordPool } from './record-pool.js';
import type { TransactionalWrite } from './transactional-write.js';

/** Batches that a deadline has room for: the one in progress, one's own, and the flights of a busy log. */
const BATCHES_PER_DEADLINE = 6;
/** From one batch to the next under load: fewer, larger batches cost less. */
const MIN_INTERVAL_MS = 12;
const MIN_PACED_ENTRIES = 3;
/** Pause before entries without a deadline are tried again. */
const RETRY_MS = 1_000;
/** How long a shutdown waits for entries without a deadline. */
const DRAIN_MS = 8_000;
const DRAIN_STEP_MS = 50;
/** Timeouts, deadlocks and sessions that were ended: another attempt may succeed at once. */
const REPEATABLE = /^(55P03|57014|57P0[1-5]|40P01|40001|25P0[2-4])$/;

/**
 * The audit trail in PostgreSQL. Records are pooled while a commit is in progress and share the next
 * one: an idle log commits at once, a busy one in batches.
 */
@Injectable()
export class PostgresAuditTrail extends AuditTrail implements OnApplicationShutdown {
  readonly #pool = new RecordPool();
  readonly #rate = new AppendRate();
  /** The batch whose commit is in progress. */
  #committing: readonly PooledRecord[] = [];
  #committingSince = 0;
  #pendingEntryCount = 0;
  /** Records without a deadline that wait until they are tried again. */
  #retrying: PooledRecord[] = [];
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
    options: RecordOptions = {},
  ): Promise<readonly AuditReceipt[]> {
    if (events.length === 0) throw new Error('a record needs an event');
    for (const { action } of events) assertAuditAction(action);
    if (this.#pendingEntryCount + events.length > this.settings.queueLimit) {
      throw this.#unavailable('queue full');
    }
    return traced('record in the audit log', {}, async () =>
      this.#add(events, write, options, this.settings.timeoutMs),
    );
  }

  override requireCapacity(): void {
    const { timeoutMs } = this.settings;
    const waitMs = this.#rate.durationOf(this.#pendingEntryCount);
    // A commit that takes that long: nothing is committed before its outcome is known.
    const isStalled =
      this.#committing.length > 0 && this.clock.monotonicNow() - this.#committingSince > timeoutMs;
    if (waitMs <= timeoutMs && !isStalled) return;
    const retryAfterSeconds = Math.max(2, Math.ceil((waitMs - timeoutMs / 2) / 1_000));
    throw this.#unavailable('overload', undefined, retryAfterSeconds);
  }

  /** Records what has no deadline, then closes the log's connection and writes the last checkpoint. */
  async onApplicationShutdown(): Promise<void> {
    const end = this.clock.monotonicNow() + DRAIN_MS;
    while (this.#hasWork() && this.clock.monotonicNow() < end) {
      this.#retry();
      await this.clock.sleep(DRAIN_STEP_MS);
    }
    const lost = [...this.#pool, ...this.#retrying].filter(({ deadline }) => deadline === Infinity);
    if (lost.length > 0) {
      const entries = lost.flatMap(({ encoded }) => encoded.map(({ leaf }) => leaf.toString()));
      this.logger.error({ entries }, 'audit entries not recorded at the shutdown');
    }
    await this.sequencer.close();
    await this.rollbackDetector.close();
  }

  async #add(
    events: readonly AuditEvent[],
    write: TransactionalWrite | undefined,
    options: RecordOptions,
    timeoutMs: number,
  ): Promise<readonly AuditReceipt[]> {
    const recordedAt = this.clock.now();
    const encoded = events.map((event) => encodeEntry(event, recordedAt));
    const { promise, resolve, reject } = Promise.withResolvers<readonly AuditReceipt[]>();
    const deadline = this.clock.monotonicNow() + timeoutMs;
    const settling = { isSettled: false, resolve, reject, trace: currentTrace() };
    this.#pool.add({ ...options, events, write, encoded, deadline, ...settling });
    this.#addPending(events.length);
    detached(() => {
      this.#start();
    });
    return promise;
  }

  #start(): void {
    if (!this.#isSequencing) void this.#sequencePool();
    if (!this.#isEnforcingDeadlines) void this.#enforceDeadlines();
  }

  async #sequencePool(): Promise<void> {
    this.#isSequencing = true;
    await setImmediate(); // records that arrive in the same moment share the first commit
    while (!this.#pool.isEmpty) {
      const startedAt = performance.now();
      this.#dropGone();
      const batch = this.#pool.takeBatch(this.#maxBatchEntries);
      this.#restamp(batch);
      this.#committing = batch;
      this.#committingSince = this.clock.monotonicNow();
      if (batch.length > 0) await this.#commitBatch(batch);
      this.#committing = [];
      const pauseMs = MIN_INTERVAL_MS - (performance.now() - startedAt);
      if (entriesOf(batch) >= MIN_PACED_ENTRIES && pauseMs > 0) await delay(pauseMs);
    }
    this.#isSequencing = false;
  }

  /** Gives the current time to entries that may have waited beyond what the log's clock allows. */
  #restamp(batch: readonly PooledRecord[]): void {
    const now = this.clock.now();
    for (const record of batch) {
      if (record.deadline < Infinity) continue;
      record.encoded = record.encoded.map((entry) => withRecordedAt(entry, now));
    }
  }

  get #maxBatchEntries(): number {
    return this.#rate.batchEntriesWithin(this.settings.timeoutMs / BATCHES_PER_DEADLINE);
  }

  async #commitBatch(batch: PooledRecord[]): Promise<void> {
    const startedAt = performance.now();
    let lockedAt = startedAt;
    const refill = (): void => {
      lockedAt = performance.now();
      this.#dropGone(batch);
      this.#pool.refill(batch, this.#maxBatchEntries);
      this.#restamp(batch);
    };
    try {
      await this.rollbackDetector.assertConsistent();
      const pending = { records: batch, refill };
      const { results, head } = await this.sequencer.append(pending, this.#timeoutOf(batch));
      if (head) this.rollbackDetector.observe(head);
      if (results.length !== batch.length) throw new Error('not every record has a result');
      noteCommit(batch, startedAt);
      // Not awaited: the next commit starts before the callers of this one continue.
      void forEachYielding(batch, (record, nth) => {
        const result = results[nth];
        if (result) this.#settleWith(record, result);
      });
      this.#publish(results);
      this.#rate.observe(entriesOf(batch), performance.now() - lockedAt, lockedAt - startedAt);
    } catch (error) {
      this.rollbackDetector.noteFailure(error);
      noteCommit(batch, startedAt, error);
      this.logger.error({ error, entries: batch.length }, 'audit append failed');
      this.#repeatOrReject(batch, error);
    }
    this.metrics.appendSeconds.observe((performance.now() - startedAt) / 1000);
    this.metrics.batchEntries.observe(entriesOf(batch));
  }

  /** The server gives up when the oldest record of the batch does, so that its refusal is certain. */
  #timeoutOf(batch: readonly PooledRecord[]): number {
    const oldest = Math.min(...batch.map(({ deadline }) => deadline));
    // Without a deadline nobody waits, and a slow database needs the time.
    if (oldest === Infinity) return Math.max(this.settings.timeoutMs, DRAIN_MS);
    const left = Math.min(oldest - this.clock.monotonicNow(), this.settings.timeoutMs);
    return Math.max(1, Math.ceil(left));
  }

  /** After a failure that has left nothing behind. */
  #repeatOrReject(batch: readonly PooledRecord[], error: unknown): void {
    const isRepeatable = error instanceof FlightLost || REPEATABLE.test(sqlState(error) ?? '');
    const again: PooledRecord[] = [];
    for (const record of batch) {
      if (record.deadline === Infinity) this.#retrying.push(record);
      else if (isRepeatable && typeof record.write !== 'function') again.push(record);
      else {
        this.#settle(record, () => {
          record.reject(this.#unavailable('append failed', error));
        });
      }
    }
    this.#pool.addAgain(again);
    if (this.#retrying.length > 0) void this.#retryLater();
  }

  async #retryLater(): Promise<void> {
    await this.clock.sleep(RETRY_MS);
    this.#retry();
  }

  #retry(): void {
    if (this.#retrying.length === 0) return;
    this.#pool.addAgain(this.#retrying);
    this.#retrying = [];
    this.#start();
  }

  #hasWork(): boolean {
    return !this.#pool.isEmpty || this.#committing.length > 0 || this.#retrying.length > 0;
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
    if ('rejection' in result) {
      this.#settle(record, () => {
        record.reject(result.rejection);
      });
      return;
    }
    const { entries, firstIndex } = result;
    this.metrics.appendedEntries.inc(entries.length);
    const receipts = entries.map(({ id }, nth) => ({
      id: uuidText(id),
      index: firstIndex + nth,
    }));
    const isLate = record.isSettled || record.signal?.aborted === true;
    if (isLate) this.#recordLate(record.late?.(receipts) ?? []);
    this.#settle(record, () => {
      record.resolve(receipts);
    });
  }

  /** Adds entries without a deadline. */
  #recordLate(events: readonly AuditEvent[]): void {
    if (events.length === 0) return;
    this.#add(events, undefined, {}, Infinity).catch((error: unknown) => {
      this.logger.error({ error }, 'late audit entries not recorded');
    });
  }

  /** Rejects records whose callers have gone or whose deadline has passed: they will not be committed. */
  #dropGone(batch: readonly PooledRecord[] = []): void {
    const now = this.clock.monotonicNow();
    for (const record of [...batch, ...this.#pool]) {
      if (record.signal?.aborted === true) {
        this.#settle(record, () => {
          record.reject(record.signal?.reason);
        });
      } else if (record.deadline <= now) this.#rejectOverdue(record);
    }
    this.#pool.removeSettled();
  }

  /** Rejects records at their deadline, whatever the database does. Runs while records are pending. */
  async #enforceDeadlines(): Promise<void> {
    this.#isEnforcingDeadlines = true;
    for (;;) {
      const oldest = [...this.#committing, ...this.#pool].find(
        ({ isSettled, deadline }) => !isSettled && deadline < Infinity,
      );
      if (!oldest) break;
      await this.clock.sleep(Math.max(0, oldest.deadline - this.clock.monotonicNow()));
      const overdue = [...this.#committing, ...this.#pool].filter(
        ({ isSettled, deadline }) => !isSettled && deadline <= this.clock.monotonicNow(),
      );
      if (overdue.length > 0) {
        this.logger.error({ entries: overdue.length }, 'audit append overdue');
      }
      for (const record of overdue) this.#rejectOverdue(record);
      this.#pool.removeSettled();
    }
    this.#isEnforcingDeadlines = false;
  }

  #rejectOverdue(record: PooledRecord): void {
    this.#settle(record, () => {
      record.reject(this.#unavailable('deadline'));
    });
  }

  #settle(record: PooledRecord, settle: () => void): void {
    if (record.isSettled) return;
    record.isSettled = true;
    this.#addPending(-record.events.length);
    settle();
  }

  #unavailable(reason: string, cause?: unknown, retryAfterSeconds?: number): AuditUnavailable {
    this.metrics.failures.inc({ reason });
    return new AuditUnavailable({ cause, ...(retryAfterSeconds && { retryAfterSeconds }) });
  }

  #addPending(entryCount: number): void {
    this.#pendingEntryCount += entryCount;
    this.metrics.pendingEntries.set(this.#pendingEntryCount);
  }
}

/** The commit that they shared, in the trace of each request. */
function noteCommit(batch: readonly PooledRecord[], startedAt: number, error?: unknown): void {
  const [name, options] = COMMIT_SPAN;
  for (const { trace } of batch)
    if (trace) recordStep(name, { ...options, startedAt, of: trace }, error);
}

function entriesOf(batch: readonly PooledRecord[]): number {
  return batch.reduce((sum, { events }) => sum + events.length, 0);
}

function committedEntries(results: readonly AppendResult[]): CommittedEntry[] {
  return results.flatMap((result) => {
    if ('rejection' in result) return [];
    return result.entries.map(({ entry }, nth) => ({ index: result.firstIndex + nth, entry }));
  });
}
