import type { AuditTrail } from '#libs/audit';
import {
  type Clock,
  DatabaseUnavailable,
  explain,
  type Logger,
  retryPauseMs,
} from '#libs/platform';
import type { SinkMetrics } from '../metrics.js';
import type { ConfiguredSink } from '../sinks/configured-sink.js';
import { SinkFailure, type SinkFailureKind } from './sink.js';
import type { Lag, NextBatch, SinkBatches } from './sink-batches.js';
import { possibleIndex, type SinkCursor, type SinkCursors } from './sink-cursors.js';

export interface SinkWorkerDependencies {
  readonly batches: SinkBatches;
  readonly cursors: SinkCursors;
  readonly metrics: SinkMetrics;
  readonly trail: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Of a lease beyond the longest attempt under it: for the statements around the attempt. */
const LEASE_MARGIN_MS = 15_000;
/** An attempt that is under way when the process stops may take this long to end. */
const STOP_GRACE_MS = 3_000;
/** When this number of records in a row is rejected, the fault is not in the records. */
const MAX_REDUCED_IN_A_ROW = 10;

/** Where a run is, as far as it knows. */
interface Progress {
  nextIndex: number;
  failure: SinkFailureKind | undefined;
  failureCount: number;
  /** By the monotonic clock; the one of the database allows more. */
  leaseEndsAt: number;
}

/**
 * Delivers the log to one sink, while it has the lease of the sink's cursor.
 *
 * The cursor moves when the receiver has confirmed, never before: what is sent and not confirmed is sent
 * again, here or by another replica. Each attempt reads its entries anew, so that it never sends a personal
 * value that was erased before it began.
 */
export class SinkWorker {
  /** Entries in a batch: halved when one is rejected, to find the record; doubled after a success. */
  #maxEntries: number;
  /** The next record is sent in its reduced form, because the whole one was rejected. */
  #isReduced = false;
  #reducedInARow = 0;
  #hasCursor = false;
  /** Everything before it was confirmed to this process, or to another one before. */
  #confirmedIndex: number | undefined;
  #isInRetiredRange = false;
  /** Since when entries wait, as this process has seen; by the monotonic clock. */
  #behindSince: number | undefined;
  /** After failures that may be of this process alone; by the monotonic clock. */
  #pausesUntil = -Infinity;
  #ownFailureCount = 0;

  /** @param holder identifies this process to the others */
  constructor(
    private readonly configured: ConfiguredSink,
    private readonly holder: string,
    private readonly dependencies: SinkWorkerDependencies,
  ) {
    this.#maxEntries = configured.sink.limits.maxEntries;
  }

  /**
   * Delivers until nothing is left, an attempt fails or the signal aborts. Returns at once when another
   * process has the lease, or the pause after a failure is not over. The lease is left to others while this
   * process pauses for a failure that they may not have.
   *
   * @throws DatabaseUnavailable, and what else keeps the next entries from being read, which is the failure
   *   of the sink then; nothing is lost
   */
  async run(signal: AbortSignal): Promise<void> {
    if (await this.#pauses()) return;
    const { metrics } = this.dependencies;
    const { name } = this.configured;
    const acquiredAt = this.#now();
    const cursor = await this.#acquire();
    if (cursor === undefined) {
      this.#forget();
      return;
    }
    const { failure, failureCount, retryInMs } = cursor;
    metrics.failing.set({ sink: name }, failure === undefined ? 0 : 1);
    const leaseEndsAt = acquiredAt + this.#leaseMs;
    const { nextIndex } = cursor;
    const progress: Progress = { nextIndex, failure, failureCount, leaseEndsAt };
    try {
      progress.nextIndex = await this.#continueAt(cursor);
      if (retryInMs > 0) {
        const lag = await this.dependencies.batches.lag(progress.nextIndex);
        this.#observe(lag, progress.nextIndex);
        return;
      }
      while (!signal.aborted && (await this.#deliverNext(progress, signal)));
    } catch (error) {
      await this.#noteBlocked(error, progress);
      throw error;
    }
  }

  /** Whether this process leaves the sink to others. Not once another one has delivered, which may be gone. */
  async #pauses(): Promise<boolean> {
    if (this.#now() >= this.#pausesUntil) return false;
    const { batches, cursors, metrics } = this.dependencies;
    const { name: sink } = this.configured;
    const state = (await cursors.states()).find(({ name }) => name === sink);
    if (state?.failure === undefined) return false;
    if (state.isLeased) {
      this.#forget();
      return true;
    }
    const nextIndex = possibleIndex(state.nextIndex, await batches.logSize());
    metrics.failing.set({ sink }, 1);
    this.#observe(await batches.lag(nextIndex), nextIndex);
    return true;
  }

  #forget(): void {
    this.dependencies.metrics.forget(this.configured.name);
    this.#behindSince = undefined;
  }

  /**
   * Where to continue. Not at a cursor that was moved past the service, beyond the log or, while this process
   * had the lease, over entries: nothing would arrive, or they would be missing. They are delivered again.
   */
  async #continueAt({ nextIndex, wasHeld }: SinkCursor): Promise<number> {
    const { batches, cursors, logger, trail } = this.dependencies;
    const { name: sink } = this.configured;
    const logSize = await batches.logSize();
    const isPassedOver = wasHeld && nextIndex > (this.#confirmedIndex ?? nextIndex);
    if (!isPassedOver && possibleIndex(nextIndex, logSize) === nextIndex) {
      this.#confirmedIndex = nextIndex;
      return nextIndex;
    }
    const start = possibleIndex(this.#confirmedIndex ?? 0, logSize);
    logger.error({ sink, nextIndex, start, logSize }, 'audit sink cursor was moved');
    // First: a cursor that is where it should be shows nothing any more.
    await trail.record({
      action: 'audit.damage',
      outcome: 'failure',
      actor: { kind: 'system', name: 'audit-delivery' },
      reason: {
        code: 'damage-found',
        detail: `sink ${sink}: the cursor was moved to ${nextIndex}; delivery continues at ${start}`,
      },
      details: { part: 'delivery', kind: 'cursor-moved' },
    });
    await cursors.setBack(sink, this.holder, start);
    return start;
  }

  /** The state of the sink says it too: without one, a sink that stands still would look healthy. */
  async #noteBlocked(error: unknown, progress: Progress): Promise<void> {
    if (error instanceof DatabaseUnavailable) return;
    const failure = new SinkFailure('blocked', explain(error), { cause: error });
    await this.#noteFailure(failure, progress).catch(() => undefined); // the first error is the cause
  }

  get #leaseMs(): number {
    return this.configured.timeoutMs + LEASE_MARGIN_MS;
  }

  #now(): number {
    return this.dependencies.clock.monotonicNow();
  }

  /** The lease. The cursor is created by the first replica that looks for it. */
  async #acquire(): Promise<SinkCursor | undefined> {
    const { cursors, batches } = this.dependencies;
    const { name, start } = this.configured;
    if (!this.#hasCursor) {
      await cursors.create(name, start === 'now' ? await batches.logSize() : 0);
      this.#hasCursor = true;
    }
    return cursors.acquire(name, this.holder, this.#leaseMs);
  }

  /** @returns whether to continue at once */
  async #deliverNext(progress: Progress, signal: AbortSignal): Promise<boolean> {
    const batch = await this.#read(progress.nextIndex);
    const { logSize, records } = batch;
    this.#observe({ logSize, oldestAt: records[0]?.recordedAt }, progress.nextIndex);
    // A failure without an entry to deliver ends as well.
    if (batch.nextIndex === progress.nextIndex && progress.failure === undefined) return false;
    const attemptedAt = this.#now();
    // A process that was stopped meanwhile may have lost the lease: the next run acquires it anew.
    if (attemptedAt > progress.leaseEndsAt - this.configured.timeoutMs) return false;
    const failure = await this.#attempt(batch, signal);
    const confirmed = failure ? confirmedBefore(batch, failure) : batch.nextIndex;
    if (confirmed !== undefined) {
      const { cursors } = this.dependencies;
      const { name } = this.configured;
      // Before the move, whose answer may be lost.
      this.#confirmedIndex = confirmed;
      if (!(await cursors.advance(name, this.holder, confirmed, this.#leaseMs))) return false;
      this.#noteDelivered(batch, confirmed, progress);
      progress.nextIndex = confirmed;
      progress.failure = undefined;
      progress.failureCount = 0;
      this.#ownFailureCount = 0;
      progress.leaseEndsAt = attemptedAt + this.#leaseMs;
    }
    if (!failure) return true;
    if (signal.aborted) return false;
    if (failure.kind === 'rejected' && this.#canNarrow(batch)) return true;
    await this.#noteFailure(failure, progress);
    return false;
  }

  async #read(fromIndex: number): Promise<NextBatch> {
    const { sink, sendsPersonalValues } = this.configured;
    return this.dependencies.batches.read({
      sink,
      sendsPersonalValues,
      fromIndex,
      maxEntries: this.#maxEntries,
      isReduced: this.#isReduced,
    });
  }

  /** @returns why the batch is not confirmed as a whole */
  async #attempt(batch: NextBatch, signal: AbortSignal): Promise<SinkFailure | undefined> {
    if (batch.records.length === 0) return undefined;
    const { sink, timeoutMs } = this.configured;
    const stop = new AbortController();
    const stopSoon = (): void => {
      setTimeout(() => {
        stop.abort();
      }, STOP_GRACE_MS).unref();
    };
    signal.addEventListener('abort', stopSoon, { once: true });
    try {
      await sink.send(batch, AbortSignal.any([AbortSignal.timeout(timeoutMs), stop.signal]));
      return undefined;
    } catch (error) {
      if (error instanceof SinkFailure) return error;
      return new SinkFailure('unavailable', explain(error), { cause: error });
    } finally {
      signal.removeEventListener('abort', stopSoon);
    }
  }

  /** After a rejection: whether a smaller batch, or the record in its reduced form, may be taken. */
  #canNarrow({ records }: NextBatch): boolean {
    if (this.#isReduced || this.#reducedInARow >= MAX_REDUCED_IN_A_ROW) {
      this.#isReduced = false;
      return false;
    }
    if (records.length > 1) this.#maxEntries = Math.ceil(records.length / 2);
    else this.#isReduced = true;
    return true;
  }

  #observe(lag: Lag, nextIndex: number): void {
    const { metrics } = this.dependencies;
    const { name: sink } = this.configured;
    metrics.lagEntries.set({ sink }, Math.max(0, lag.logSize - nextIndex));
    metrics.lagSeconds.set({ sink }, this.#lagMs(lag, nextIndex) / 1_000);
  }

  /** How long the oldest entry has waited. Its time may be ahead: then how long some entry has. */
  #lagMs({ logSize, oldestAt }: Lag, nextIndex: number): number {
    if (nextIndex >= logSize) {
      this.#behindSince = undefined;
      return 0;
    }
    this.#behindSince ??= this.#now();
    const ageMs = oldestAt === undefined ? 0 : this.dependencies.clock.now() - Date.parse(oldestAt);
    return ageMs > 0 ? ageMs : this.#now() - this.#behindSince;
  }

  #noteDelivered(batch: NextBatch, confirmed: number, { nextIndex, failure }: Progress): void {
    const { metrics, logger } = this.dependencies;
    const { name: sink, sink: port } = this.configured;
    const delivered = batch.records.filter(({ index }) => index < confirmed).length;
    metrics.delivered.inc({ sink }, delivered);
    metrics.failing.set({ sink }, 0);
    if (failure !== undefined)
      logger.info({ sink, nextIndex: confirmed }, 'audit sink works again');
    for (const { index, id } of batch.reduced.filter((record) => record.index < confirmed)) {
      metrics.reduced.inc({ sink });
      logger.warn({ sink, index, id }, 'an audit entry was delivered in its reduced form');
    }
    const { retiredCount } = batch;
    if (retiredCount > 0) metrics.retired.inc({ sink }, retiredCount);
    if (retiredCount > 0 && !this.#isInRetiredRange)
      logger.warn(
        { sink, fromIndex: nextIndex },
        'audit entries were retired before their delivery',
      );
    this.#isInRetiredRange = retiredCount > 0;
    this.#reducedInARow = this.#isReduced ? this.#reducedInARow + 1 : 0;
    this.#isReduced = false;
    if (confirmed === batch.nextIndex)
      this.#maxEntries = Math.min(this.#maxEntries * 2, port.limits.maxEntries);
  }

  /** Logged when the state changes, not for each attempt; the state is that of all replicas. */
  async #noteFailure(failure: SinkFailure, progress: Progress): Promise<void> {
    const { cursors, metrics, logger } = this.dependencies;
    const { name: sink } = this.configured;
    const { kind, message: detail } = failure;
    const retryMs = isOfReceiver(failure)
      ? retryPauseMs(progress.failureCount, failure.retryAfterMs)
      : undefined;
    if (retryMs === undefined) {
      this.#pausesUntil = this.#now() + retryPauseMs(this.#ownFailureCount);
      this.#ownFailureCount += 1;
    }
    metrics.failures.inc({ sink, reason: kind });
    metrics.failing.set({ sink }, 1);
    await cursors.fail(sink, this.holder, { kind, detail, retryMs });
    if (kind !== progress.failure)
      logger.warn(
        { sink, reason: kind, detail, nextIndex: progress.nextIndex },
        'audit sink fails',
      );
  }
}

/** The index after the records that a failure leaves confirmed. */
function confirmedBefore(
  { records }: NextBatch,
  { confirmedCount }: SinkFailure,
): number | undefined {
  const last = confirmedCount > 0 ? records[confirmedCount - 1] : undefined;
  return last === undefined ? undefined : last.index + 1;
}

/** Whether every replica would fail alike. Credentials, network and files may be of this process alone. */
function isOfReceiver({ kind, retryAfterMs }: SinkFailure): boolean {
  switch (kind) {
    case 'throttled':
    case 'rejected':
      return true;
    case 'unavailable':
      return retryAfterMs !== undefined;
    case 'refused':
    case 'blocked':
      return false;
  }
}
