import { Inject, Injectable } from '@nestjs/common';
import { Database, Logger, sqlState } from '#libs/platform';
import type { TreeFrontier } from '#libs/transparency-log';
import {
  type Addition,
  BEGIN,
  beginAppend,
  COMMIT,
  copyEntries,
  insertHead,
  leafHashesAfter,
  type LogHead,
  lockHead,
  lockHeadAt,
  NEWEST_CHECKPOINT,
  ROLLBACK,
  toCheckpoint,
  toHead,
  toLeafHashes,
} from '../postgres/append-statements.js';
import {
  type ChangeGroup,
  ChangeVerdicts,
  expectingStep,
  groupChanges,
  verdictStep,
} from '../postgres/change-steps.js';
import { FlightLost, type Step, type StepRows } from '../postgres/flight.js';
import { type Backend, LogConnection } from '../postgres/log-connection.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import type { TransactionFunction } from '../trail/transactional-write.js';
import {
  type AppendOutcome,
  type AppendResult,
  assignIndexes,
  entriesOf,
  headOf,
  outcomeOfFailure,
} from './append-results.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { ClockBound } from './clock-bound.js';
import { CommitCheck } from './commit-check.js';
import { MAX_FOLLOWED_ENTRIES } from './frontier-cache.js';
import { FunctionAppend } from './function-append.js';
import { KnownLog } from './known-log.js';
import { LogOrigin } from './log-origin.js';
import { type PendingBatch, type PendingRecord, rowChanges, timesOf } from './pending-batch.js';
import { isConstraint, isRefusal, isValueRefusal } from './refusals.js';

/** The log under the lock of this process. */
interface LockedLog {
  readonly head: LogHead | undefined;
  readonly frontier: TreeFrontier;
  readonly backend: Backend;
  /** Of the changes that were made with the lock. */
  readonly verdicts: readonly StepRows[];
}

/** What is appended under the lock. */
interface AppendPlan {
  /** One for each record. */
  readonly results: readonly AppendResult[];
  /** Changes that all have to hold. */
  readonly changes: readonly ChangeGroup[];
}

/** Raised by a function of the schema. */
const HEAD_MOVED = 'AU001';
/** Batches that read the head first after another process was seen to append. */
const BATCHES_AFTER_CONTENTION = 50;

/**
 * Appends records to the log, many in one transaction: add entries, lock the head, make the records' own
 * changes, add the new head with its signed checkpoint. Calls must not overlap.
 *
 * One flight suffices while this process alone appends: everything is computed before it, from the head
 * that this process committed last. If the head is another one, nothing is left behind, and two flights
 * follow: one locks and reads the head, the other sends what has been pooled until then. If a change does
 * not hold, nothing is left behind either, and the first of two flights makes the changes, so that the
 * second adds the entries of those that hold; between them, one makes the optional changes and those that
 * follow. If of the changes of a record only some hold, the batch is undone and appended in halves.
 */
@Injectable()
export class Sequencer {
  readonly #log: KnownLog;
  readonly #functions: FunctionAppend;
  readonly #check: CommitCheck;
  #batchesInTwo = 0;

  constructor(
    private readonly connection: LogConnection,
    database: Database,
    signers: CheckpointSigners,
    origins: LogOrigin,
    private readonly clockBound: ClockBound,
    logger: Logger,
    @Inject(auditSettings.key) settings: AuditSettings,
  ) {
    this.#log = new KnownLog(signers, origins, settings.origin);
    this.#functions = new FunctionAppend(database, this.#log, settings);
    this.#check = new CommitCheck(connection, logger, settings);
  }

  /**
   * Commits the records in their order. Returns only when it is known whether they were committed,
   * however long the database is away.
   *
   * @param timeoutMs the time that the server has for each statement
   * @throws any error when nothing was committed
   */
  async append(batch: PendingBatch, timeoutMs: number): Promise<AppendOutcome> {
    await this.#log.readSigners();
    await this.clockBound.assertWithin(timesOf(batch.records));
    const [first] = batch.records;
    if (typeof first?.write === 'function') {
      return this.#appendWithFunction(first, first.write);
    }
    try {
      return await this.#appendTogether(batch, timeoutMs);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#appendWhatHolds(batch.records, timeoutMs);
    }
  }

  /** Stops waiting for the outcome of a commit and closes the connection. */
  async close(): Promise<void> {
    this.#check.stop();
    await this.connection.close();
  }

  /** In one flight, or in two where another process appends as well. */
  async #appendTogether(batch: PendingBatch, timeoutMs: number): Promise<AppendOutcome> {
    const known = this.#log.head;
    if (known && this.#batchesInTwo === 0) {
      try {
        return await this.#appendInOne(batch.records, known, known.frontier, timeoutMs);
      } catch (error) {
        if (sqlState(error) !== HEAD_MOVED) throw error;
        this.#batchesInTwo = BATCHES_AFTER_CONTENTION;
      }
    }
    this.#batchesInTwo = Math.max(0, this.#batchesInTwo - 1);
    return this.#appendInTwo(batch, timeoutMs);
  }

  async #appendInOne(
    records: readonly PendingRecord[],
    known: LogHead,
    frontier: TreeFrontier,
    timeoutMs: number,
  ): Promise<AppendOutcome> {
    const results = assignIndexes(records, known);
    const addition = this.#log.additionOf(entriesOf(results), frontier);
    const changes = groupChanges(records.map(rowChanges));
    const steps = [
      beginAppend(timeoutMs, known),
      ...copyEntries(addition.entries, addition.fromSize),
      // The lock comes last, when the server has received the rows: it is held for as short as possible.
      lockHeadAt(known),
      ...changes.map(expectingStep),
      ...insertHead(addition, this.#log.keys),
    ];
    await this.#commit(steps, addition, timeoutMs, await this.connection.connect());
    return { results, head: headOf(addition) };
  }

  /** Waits for the lock, and sends all that has been pooled meanwhile. */
  async #appendInTwo(batch: PendingBatch, timeoutMs: number): Promise<AppendOutcome> {
    return this.#appendLocked([], timeoutMs, async ({ head }) => {
      batch.refill();
      const { records } = batch;
      // The clock may have been set while this process waited.
      await this.clockBound.assertWithin(timesOf(records));
      const changes = groupChanges(records.map(rowChanges));
      return { results: assignIndexes(records, head), changes };
    });
  }

  /** Makes the changes first, and appends the records whose changes hold. */
  async #appendByVerdicts(
    records: readonly PendingRecord[],
    timeoutMs: number,
  ): Promise<AppendOutcome> {
    const changes = records.map(rowChanges);
    const groups = groupChanges(changes);
    const hasOptional = groups.some(({ kind }) => kind === 'optional');
    const first = hasOptional ? groups.filter(({ kind }) => kind === 'required') : groups;
    const outcome = await this.#appendLocked(first, timeoutMs, async (locked) => {
      const { head, backend } = locked;
      const verdicts = new ChangeVerdicts();
      verdicts.addAll(first, locked.verdicts);
      // Without those of rejected records, which would have to be undone.
      const rest = changes.map((own, place) => (verdicts.isRejected(place) ? [] : own));
      const others = groupChanges(rest).filter(({ kind }) => kind !== 'required');
      if (hasOptional && others.length > 0) {
        const steps = others.map(verdictStep);
        verdicts.addAll(others, await this.connection.fly(steps, timeoutMs, backend));
      }
      // Records may be rejected for a change that is undone: none is appended by these verdicts.
      if (records.length > 1 && verdicts.isAnyHalfMade) return { results: [], changes: [] };
      const rejections = verdicts.rejections(changes);
      return { results: assignIndexes(records, head, rejections), changes: [] };
    });
    const isUndone = outcome.results.length < records.length;
    return isUndone ? this.#appendInHalves(records, timeoutMs) : outcome;
  }

  /**
   * Two flights: one locks the log and makes the first changes, the other makes those of the plan, which
   * have to hold, and adds the entries.
   *
   * @param plan what to append, decided under the lock
   */
  async #appendLocked(
    firstChanges: readonly ChangeGroup[],
    timeoutMs: number,
    plan: (locked: LockedLog) => AppendPlan | Promise<AppendPlan>,
  ): Promise<AppendOutcome> {
    const backend = await this.connection.connect();
    try {
      const locked = await this.#lock(timeoutMs, backend, firstChanges);
      const { results, changes } = await plan(locked);
      if (!results.some((result) => 'entries' in result)) {
        await this.connection.fly([ROLLBACK], timeoutMs);
        return { results };
      }
      const addition = this.#log.additionOf(entriesOf(results), locked.frontier);
      const steps = [
        ...changes.map(expectingStep),
        ...copyEntries(addition.entries, addition.fromSize),
        ...insertHead(addition, this.#log.keys),
        COMMIT,
      ];
      await this.#commit(steps, addition, timeoutMs, backend);
      return { results, head: headOf(addition) };
    } catch (error) {
      // The transaction block may still be open: a new connection is cheaper than to find out.
      this.connection.cut();
      throw error;
    }
  }

  /** Begins a transaction block, locks the log and makes the changes. */
  async #lock(
    timeoutMs: number,
    backend: Backend,
    changes: readonly ChangeGroup[],
  ): Promise<LockedLog> {
    const knownSize = this.#log.head?.size ?? 0;
    const [, headRows = [], checkpointRows = [], hashRows = [], ...verdicts] =
      await this.connection.fly(
        [
          BEGIN,
          lockHead(timeoutMs),
          NEWEST_CHECKPOINT,
          leafHashesAfter(knownSize, MAX_FOLLOWED_ENTRIES),
          ...changes.map(verdictStep),
        ],
        timeoutMs,
        backend,
      );
    // The head may be one of another process, whatever becomes of this append.
    this.#log.forgetSigningKeys();
    const head = toHead(headRows);
    await this.#log.follow(toCheckpoint(checkpointRows), this.connection);
    const followed = toLeafHashes(hashRows);
    const frontier = await this.#log.frontierAt(head, this.connection, followed);
    return { head, frontier, backend, verdicts };
  }

  /** Appends the records whose changes hold, violate no constraint and have values that the server takes. */
  async #appendWhatHolds(
    records: readonly PendingRecord[],
    timeoutMs: number,
  ): Promise<AppendOutcome> {
    try {
      return await this.#appendByVerdicts(records, timeoutMs);
    } catch (error) {
      const hasChange = records.some(({ write }) => write !== undefined);
      // A constraint that entries violate is a fault of the schema, such as a missing partition.
      if (!isValueRefusal(error) && !(isConstraint(error) && hasChange)) throw error;
      if (records.length === 1) return outcomeOfFailure(records, error);
      return this.#appendInHalves(records, timeoutMs);
    }
  }

  /** Finds the records that can't be appended with others, and appends the others. */
  async #appendInHalves(
    records: readonly PendingRecord[],
    timeoutMs: number,
  ): Promise<AppendOutcome> {
    const middle = Math.ceil(records.length / 2);
    const outcomes: AppendOutcome[] = [];
    for (const half of [records.slice(0, middle), records.slice(middle)]) {
      const outcome = await this.#appendWhatHolds(half, timeoutMs).catch((failure: unknown) =>
        outcomeOfFailure(half, failure),
      );
      outcomes.push(outcome);
    }
    const head = outcomes.findLast((outcome) => outcome.head)?.head;
    return { results: outcomes.flatMap(({ results }) => results), ...(head && { head }) };
  }

  async #appendWithFunction(
    record: PendingRecord,
    write: TransactionFunction,
  ): Promise<AppendOutcome> {
    this.#log.forgetSigningKeys();
    const outcome = await this.#functions.run(
      write,
      async ({ head, frontier, checkpoint, transaction }) => {
        await this.#log.follow(checkpoint, transaction);
        const results = assignIndexes([record], head);
        return { results, addition: this.#log.additionOf(entriesOf(results), frontier) };
      },
    );
    if ('rejection' in outcome) return { results: [outcome] };
    const { addition, results, error } = outcome;
    if (error !== undefined && !(await this.#check.isCommitted(addition))) throw error as Error; // of pg or TypeORM
    this.#log.remember(addition);
    return { results, head: headOf(addition) };
  }

  /** Sends the last flight of an append, which commits. */
  async #commit(
    steps: readonly Step[],
    addition: Addition,
    timeoutMs: number,
    backend: Backend,
  ): Promise<void> {
    try {
      await this.connection.fly(steps, timeoutMs, backend);
    } catch (error) {
      if (!(error instanceof FlightLost)) throw error;
      if (!(await this.#check.isCommitted(addition, backend))) throw error;
    }
    this.#log.remember(addition);
  }
}
