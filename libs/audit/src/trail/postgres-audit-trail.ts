import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';
import type { AuditEvent } from './audit-event.js';
import { AuditMetrics } from '../metrics.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type AuditReceipt, AuditTrail, type TransactionalWrite } from './audit-trail.js';
import { AuditUnavailable } from '../errors/audit-unavailable.js';
import { encodeEntry } from '../entry/encode-entry.js';
import { forEachYielding } from '../postgres/for-each-yielding.js';
import { Sequencer, type PendingEntry, type AppendResult } from '../log/sequencer.js';
import { RollbackDetector } from '../log/rollback-detector.js';
import { uuidText } from '../entry/uuid-v7.js';

/** As much shares one commit at most: what a commit costs beyond is no longer worth sharing. */
const batchLimit = 2048;
const batchLimitBytes = 8 * 1024 * 1024;

interface Waiting extends PendingEntry {
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
  #queue: Waiting[] = [];
  #underWay: readonly Waiting[] = [];
  #waitingEntries = 0;
  #isWorking = false;
  #isWatching = false;

  constructor(
    private readonly appender: Sequencer,
    private readonly watch: RollbackDetector,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    super();
  }

  override async recordAll(
    events: readonly AuditEvent[],
    change?: TransactionalWrite,
  ): Promise<readonly AuditReceipt[]> {
    if (events.length === 0) throw new Error('a record needs an event');
    if (this.#waitingEntries + events.length > this.settings.queueLimit) {
      throw this.#refusal('queue full');
    }
    const now = this.clock.now();
    const encoded = events.map((event) => encodeEntry(event, now));
    const { promise, resolve, reject } = Promise.withResolvers<readonly AuditReceipt[]>();
    const deadline = now + this.settings.timeoutMs;
    this.#queue.push({ events, change, encoded, deadline, isSettled: false, resolve, reject });
    this.#count(events.length);
    if (!this.#isWorking) void this.#work();
    if (!this.#isWatching) void this.#refuseOverdue();
    return promise;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    await setImmediate(); // those who come in the same moment share the first commit
    while (this.#queue.length > 0) {
      this.#underWay = this.#takeBatch();
      if (this.#underWay.length > 0) await this.#commit(this.#underWay);
      this.#underWay = [];
    }
    this.#isWorking = false;
  }

  #takeBatch(): Waiting[] {
    let entries = 0;
    let bytes = 0;
    const end = this.#queue.findIndex(({ encoded }) => {
      entries += encoded.length;
      for (const { leaf } of encoded) bytes += leaf.length;
      return entries > batchLimit || bytes > batchLimitBytes;
    });
    const batch = this.#queue.splice(0, end === -1 ? this.#queue.length : Math.max(end, 1));
    return batch.filter(({ isSettled }) => !isSettled);
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const startedAt = performance.now();
    try {
      await this.watch.assertWhole();
      const { verdicts, committed } = await this.appender.append(batch);
      if (committed) this.watch.saw(committed);
      // Not waited for: the next commit is on its way before those who wait for this one go on.
      if (verdicts.length !== batch.length) throw new Error('not every submission has a verdict');
      void forEachYielding(batch, (waiting, nth) => {
        const verdict = verdicts[nth];
        if (verdict) this.#answer(waiting, verdict);
      });
    } catch (error) {
      this.watch.failed(error);
      this.logger.error({ error, entries: batch.length }, 'audit append failed');
      for (const waiting of batch) {
        this.#settle(waiting, () => {
          waiting.reject(this.#refusal('append failed', error));
        });
      }
    }
    this.metrics.appendSeconds.observe((performance.now() - startedAt) / 1000);
    this.metrics.batchEntries.observe(batch.reduce((sum, { events }) => sum + events.length, 0));
  }

  #answer(waiting: Waiting, verdict: AppendResult): void {
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
  async #refuseOverdue(): Promise<void> {
    this.#isWatching = true;
    for (;;) {
      const oldest = [...this.#underWay, ...this.#queue].find(({ isSettled }) => !isSettled);
      if (!oldest) break;
      await this.clock.sleep(oldest.deadline - this.clock.now());
      const overdue = [...this.#underWay, ...this.#queue].filter(
        ({ isSettled, deadline }) => !isSettled && deadline <= this.clock.now(),
      );
      if (overdue.length > 0) {
        this.logger.error({ entries: overdue.length }, 'audit append overdue');
      }
      for (const waiting of overdue) {
        this.#settle(waiting, () => {
          waiting.reject(this.#refusal('deadline'));
        });
      }
      this.#queue = this.#queue.filter(({ isSettled }) => !isSettled);
    }
    this.#isWatching = false;
  }

  #settle(waiting: Waiting, answer: () => void): void {
    if (waiting.isSettled) return;
    waiting.isSettled = true;
    this.#count(-waiting.events.length);
    answer();
  }

  #refusal(reason: string, cause?: unknown): AuditUnavailable {
    this.metrics.failures.inc({ reason });
    return new AuditUnavailable({ cause });
  }

  #count(entries: number): void {
    this.#waitingEntries += entries;
    this.metrics.waiting.set(this.#waitingEntries);
  }
}
