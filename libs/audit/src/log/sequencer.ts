import { Inject, Injectable } from '@nestjs/common';
import { Database, Logger, sqlState } from '#libs/platform';
import {
  hashLeaf,
  type NoteSigner,
  signCheckpoint,
  type TreeFrontier,
} from '#libs/transparency-log';
import { type EncodedEntry, withRecordedAt } from '../entry/encode-entry.js';
import {
  type Addition,
  BEGIN,
  beginAppend,
  COMMIT,
  copyEntries,
  fingerprintKeys,
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
  expectingStep,
  groupChanges,
  rejectedPlaces,
  verdictStep,
} from '../postgres/change-steps.js';
import { FlightLost, type Step, type StepRows } from '../postgres/flight.js';
import { type Backend, EXPIRED, LogConnection } from '../postgres/log-connection.js';
import { bufferOf, type LogQuery, type SignedHead } from '../postgres/log-queries.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import type { AuditEvent } from '../trail/audit-event.js';
import {
  rejectionOf,
  type RowChange,
  type TransactionalWrite,
} from '../trail/transactional-write.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { ClockBound } from './clock-bound.js';
import { CommitCheck } from './commit-check.js';
import { FrontierCache, MAX_FOLLOWED_ENTRIES } from './frontier-cache.js';
import { FunctionAppend } from './function-append.js';
import { LogOrigin } from './log-origin.js';

/** A call of `AuditTrail.recordAll` that waits for its commit. Committed whole or rejected whole. */
export interface PendingRecord {
  readonly events: readonly AuditEvent[];
  readonly write: TransactionalWrite | undefined;
  readonly encoded: readonly EncodedEntry[];
}

/** The records of one append. */
export interface PendingBatch {
  /** In the order of their entries. One alone when its write is a function. */
  readonly records: readonly PendingRecord[];
  /**
   * Leaves out records whose callers are gone, and adds those that have arrived since. Called before any
   * of them is sent, when this process has waited for the lock.
   */
  readonly refill: () => void;
}

/** The entries of a record with the index of the first, or the error of its write. */
export type AppendResult =
  | { readonly firstIndex: number; readonly entries: readonly EncodedEntry[] }
  | Rejection;

interface Rejection {
  readonly rejection: unknown;
}

/** A result for each record of the batch as it is then, and the new head unless every record was rejected. */
export interface AppendOutcome {
  readonly results: readonly AppendResult[];
  readonly head?: SignedHead;
}

/** The log under the lock of this process. */
interface LockedLog {
  readonly head: LogHead | undefined;
  readonly frontier: TreeFrontier;
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

/** Raised by the functions of the schema. */
const HEAD_MOVED = 'AU001';
const CHANGE_REJECTED = 'AU002';
const CONSTRAINT_VIOLATION_CLASS = '23';
const VALUE_REFUSAL_CLASS = '22';
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
 * second adds the entries of those that hold.
 */
@Injectable()
export class Sequencer {
  readonly #cache = new FrontierCache();
  readonly #knownKeys = new Set<string>();
  #newestSigningKeys: readonly string[] | undefined;
  readonly #functions: FunctionAppend;
  readonly #check: CommitCheck;
  #batchesInTwo = 0;
  /** The name of the log after the newest head that this process has read. */
  #origin: string;
  /** Read before the lock, so that Key Vault does not prolong it. */
  #signers: readonly NoteSigner[] = [];

  constructor(
    private readonly connection: LogConnection,
    database: Database,
    private readonly signers: CheckpointSigners,
    private readonly origins: LogOrigin,
    private readonly clockBound: ClockBound,
    logger: Logger,
    @Inject(auditSettings.key) settings: AuditSettings,
  ) {
    this.#origin = settings.origin;
    this.#functions = new FunctionAppend(database, this.#cache, settings);
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
    this.#signers = await this.signers.current(this.#origin);
    await this.clockBound.assertWithin(timesOf(batch.records));
    const [first] = batch.records;
    if (typeof first?.write === 'function') {
      return this.#appendWithFunction(first, first.write);
    }
    const known = this.#cache.known;
    if (known && this.#batchesInTwo === 0) {
      try {
        return await this.#appendInOne(batch.records, known, known.frontier, timeoutMs);
      } catch (error) {
        if (isRefusal(error)) return this.#appendWhatHolds(batch.records, timeoutMs);
        if (sqlState(error) !== HEAD_MOVED) throw error;
        this.#batchesInTwo = BATCHES_AFTER_CONTENTION;
      }
    }
    this.#batchesInTwo = Math.max(0, this.#batchesInTwo - 1);
    try {
      return await this.#appendInTwo(batch, timeoutMs);
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

  async #appendInOne(
    records: readonly PendingRecord[],
    known: LogHead,
    frontier: TreeFrontier,
    timeoutMs: number,
  ): Promise<AppendOutcome> {
    const results = assignIndexes(records, known);
    const addition = this.#additionOf(results, frontier);
    const changes = groupChanges(records.map(({ write }) => rowChange(write)));
    const steps = [
      beginAppend(timeoutMs, known),
      ...copyEntries(addition.entries, addition.fromSize),
      // The lock comes last, when the server has received the rows: it is held for as short as possible.
      lockHeadAt(known),
      ...changes.map(expectingStep),
      ...insertHead(addition, { fingerprint: this.#knownKeys, signing: this.#newestSigningKeys }),
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
      const changes = groupChanges(records.map(({ write }) => rowChange(write)));
      return { results: assignIndexes(records, head), changes };
    });
  }

  /** Makes the changes first, and appends the records whose changes hold. */
  async #appendByVerdicts(
    records: readonly PendingRecord[],
    timeoutMs: number,
  ): Promise<AppendOutcome> {
    const changes = groupChanges(records.map(({ write }) => rowChange(write)));
    return this.#appendLocked(changes, timeoutMs, ({ head, verdicts }) => {
      const rejected = changes.flatMap((group, nth) => rejectedPlaces(group, verdicts[nth] ?? []));
      const rejections = new Map(
        rejected.map((place) => [place, rowChange(records[place]?.write)?.reject()]),
      );
      return { results: assignIndexes(records, head, rejections), changes: [] };
    });
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
      const addition = this.#additionOf(results, locked.frontier);
      const steps = [
        ...changes.map(expectingStep),
        ...copyEntries(addition.entries, addition.fromSize),
        // Another process may have other keys than this one has noted.
        ...insertHead(addition, { fingerprint: this.#knownKeys, signing: undefined }),
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
    const knownSize = this.#cache.known?.size ?? 0;
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
    this.#newestSigningKeys = undefined;
    const head = toHead(headRows);
    await this.#follow(toCheckpoint(checkpointRows), this.connection);
    const followed = toLeafHashes(hashRows);
    const frontier = await this.#cache.frontierAt(head, this.connection, followed);
    return { head, frontier, verdicts };
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
      return this.#appendInHalves(records, timeoutMs, error);
    }
  }

  /** Finds the records that the server refuses, and appends the others. */
  async #appendInHalves(
    records: readonly PendingRecord[],
    timeoutMs: number,
    error: unknown,
  ): Promise<AppendOutcome> {
    if (records.length === 1) return this.#resultsOfFailure(records, error);
    const middle = Math.ceil(records.length / 2);
    const outcomes: AppendOutcome[] = [];
    for (const half of [records.slice(0, middle), records.slice(middle)]) {
      const outcome = await this.#appendWhatHolds(half, timeoutMs).catch((failure: unknown) =>
        this.#resultsOfFailure(half, failure),
      );
      outcomes.push(outcome);
    }
    const head = outcomes.findLast((outcome) => outcome.head)?.head;
    return { results: outcomes.flatMap(({ results }) => results), ...(head && { head }) };
  }

  #resultsOfFailure(batch: readonly PendingRecord[], failure: unknown): AppendOutcome {
    return {
      results: batch.map(({ write }) => {
        const change = rowChange(write);
        return { rejection: change ? rejectionOf(change, failure) : failure };
      }),
    };
  }

  async #appendWithFunction(
    record: PendingRecord,
    write: Exclude<TransactionalWrite, RowChange>,
  ): Promise<AppendOutcome> {
    this.#newestSigningKeys = undefined;
    const outcome = await this.#functions.run(
      write,
      async ({ head, frontier, checkpoint, transaction }) => {
        await this.#follow(checkpoint, transaction);
        const results = assignIndexes([record], head);
        return { results, addition: this.#additionOf(results, frontier) };
      },
    );
    if ('rejection' in outcome) return { results: [outcome] };
    const { addition, results, error } = outcome;
    if (error !== undefined && !(await this.#check.isCommitted(addition))) throw error as Error; // of pg or TypeORM
    this.#remember(addition);
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
    this.#remember(addition);
  }

  #remember(addition: Addition): void {
    const { appended, root, entries } = addition;
    const recordedAtMs = entries.at(-1)?.recordedAtMs ?? 0;
    this.#cache.remember({ frontier: appended.frontier, root, recordedAtMs });
    for (const key of fingerprintKeys(addition).keys()) this.#knownKeys.add(key);
    this.#newestSigningKeys = addition.signingKeys;
  }

  /** Another process may have continued the log under another name. @throws LogOriginDiffers */
  async #follow(checkpoint: string | undefined, query: LogQuery): Promise<void> {
    const origin = await this.origins.after(checkpoint, query, this.#origin);
    if (origin === this.#origin) return;
    this.#origin = origin;
    this.#signers = await this.signers.current(origin);
  }

  #additionOf(results: readonly AppendResult[], frontier: TreeFrontier): Addition {
    const entries = results.flatMap((result) => ('entries' in result ? result.entries : []));
    const leafHashes = entries.map(({ leaf }) => hashLeaf(leaf));
    const appended = frontier.append(leafHashes);
    const root = bufferOf(appended.frontier.root());
    const origin = this.#origin;
    const signers = this.#signers;
    const checkpoint = signCheckpoint({ origin, size: appended.frontier.size, root }, signers);
    const signingKeys = signers.map(({ verifier }) => verifier.toString()).sort();
    return {
      fromSize: frontier.size,
      entries,
      leafHashes,
      appended,
      root,
      checkpoint,
      signingKeys,
    };
  }
}

function* timesOf(records: readonly PendingRecord[]): Generator<number> {
  for (const { encoded } of records) for (const { recordedAtMs } of encoded) yield recordedAtMs;
}

/** Whether a change does not hold, or the server refuses a value. */
function isRefusal(error: unknown): boolean {
  return sqlState(error) === CHANGE_REJECTED || isConstraint(error) || isValueRefusal(error);
}

/** A flight that has expired fails with a code of the same class. */
function isValueRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state?.startsWith(VALUE_REFUSAL_CLASS) === true && state !== EXPIRED;
}

function isConstraint(error: unknown): boolean {
  return sqlState(error)?.startsWith(CONSTRAINT_VIOLATION_CLASS) ?? false;
}

function rowChange(write: TransactionalWrite | undefined): RowChange | undefined {
  if (typeof write === 'function') throw new Error('a function is appended alone');
  return write;
}

function headOf({ appended, checkpoint }: Addition): SignedHead {
  return { size: appended.frontier.size, checkpoint };
}

function assignIndexes(
  records: readonly PendingRecord[],
  head: Omit<LogHead, 'root'> | undefined,
  rejections: ReadonlyMap<number, unknown> = new Map(),
): AppendResult[] {
  let index = head?.size ?? 0;
  let timeMs = head?.recordedAtMs ?? 0;
  return records.map(({ encoded }, nth) => {
    if (rejections.has(nth)) return { rejection: rejections.get(nth) };
    const firstIndex = index;
    const entries = encoded.map((entry) => {
      // Times in the log never decrease, even when the clock of another process is ahead.
      const placed = entry.recordedAtMs < timeMs ? withRecordedAt(entry, timeMs) : entry;
      timeMs = placed.recordedAtMs;
      return placed;
    });
    index += entries.length;
    return { firstIndex, entries };
  });
}
