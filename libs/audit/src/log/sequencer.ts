import { Inject, Injectable } from '@nestjs/common';
import { asDatabaseUnavailable, Clock, Database, type Transaction } from '#libs/platform';
import {
  hashLeaf,
  type NoteSigner,
  signCheckpoint,
  type TreeFrontier,
} from '#libs/transparency-log';
import { type EncodedEntry, encodeEntry } from '../entry/encode-entry.js';
import {
  copyEntries,
  copyPersonalRows,
  insertHead,
  type LogHead,
  lockHead,
  personalRows,
} from '../postgres/append-statements.js';
import { readRoot, type SignedHead } from '../postgres/log-queries.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import type { AuditEvent } from '../trail/audit-event.js';
import type { TransactionalWrite } from '../trail/audit-trail.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { ClockBound } from './clock-bound.js';
import { FrontierCache } from './frontier-cache.js';

/** A call of `AuditTrail.recordAll` that waits for its commit. Committed whole or rejected whole. */
export interface PendingRecord {
  readonly events: readonly AuditEvent[];
  readonly write: TransactionalWrite | undefined;
  readonly encoded: readonly EncodedEntry[];
}

/** The entries of a record with the index of the first, or the error of its write. */
export type AppendResult =
  { readonly firstIndex: number; readonly entries: readonly EncodedEntry[] } | Rejection;

interface Rejection {
  readonly rejection: unknown;
}

/** The head that a transaction adds. */
interface NewHead {
  readonly frontier: TreeFrontier;
  readonly root: Buffer;
  readonly checkpoint: string;
}

const COMMIT_CHECK_RETRY_MS = 100;

/**
 * Appends records to the log, many in one transaction: lock the head, run the records' own writes, add
 * entries, sign the new checkpoint, add the head. Calls must not overlap.
 */
@Injectable()
export class Sequencer {
  readonly #frontier = new FrontierCache();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly signers: CheckpointSigners,
    private readonly clockBound: ClockBound,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /**
   * Commits the records in their order.
   *
   * @returns a result for each record, and the new head unless every record was rejected
   * @throws any error when nothing was committed, or when it is unknown whether it was
   */
  async append(
    records: readonly PendingRecord[],
  ): Promise<{ results: AppendResult[]; head?: SignedHead }> {
    const signers = await this.signers.current();
    await this.clockBound.assertWithin(timesOf(records));
    let results: AppendResult[] = [];
    let next: NewHead | undefined;
    try {
      await this.database.transaction(async (transaction) => {
        const head = await lockHead(transaction, this.settings.timeoutMs);
        const frontier = await this.#frontier.frontierAt(head, transaction);
        const rejections = await runWrites(records, transaction);
        results = assignIndexes(records, rejections, head);
        next = await this.#insert(results, frontier, signers, transaction);
      });
    } catch (error) {
      if (error instanceof OnlyWriteRejected) {
        return { results: [{ rejection: asDatabaseUnavailable(error.cause) }] };
      }
      if (!next || !(await this.#isCommitted(next))) throw error;
    }
    if (!next) return { results };
    const { frontier, checkpoint } = next;
    this.#frontier.remember(frontier);
    return { results, head: { size: frontier.size, checkpoint } };
  }

  async #insert(
    results: readonly AppendResult[],
    frontier: TreeFrontier,
    signers: readonly NoteSigner[],
    transaction: Transaction,
  ): Promise<NewHead | undefined> {
    const entries = results.flatMap((result) => ('entries' in result ? result.entries : []));
    if (entries.length === 0) return undefined;
    const fromSize = frontier.size;
    const copy = await copyEntries(transaction, entries, fromSize);
    await copy.sent;
    // Hashing, signing and encoding take place while the server stores the entries.
    const leafHashes = entries.map(({ leaf }) => hashLeaf(leaf));
    const appended = frontier.append(leafHashes);
    const root = appended.frontier.root();
    const { origin } = this.settings;
    const checkpoint = signCheckpoint({ origin, size: appended.frontier.size, root }, signers);
    const personal = personalRows(entries, fromSize);
    await copy.stored;
    await copyPersonalRows(transaction, personal);
    await insertHead(transaction, { fromSize, entries, leafHashes, appended, root, checkpoint });
    return { frontier: appended.frontier, root, checkpoint };
  }

  /**
   * Whether a commit took effect whose answer was lost. Waits for the lock, which the lost transaction
   * holds until it has ended either way.
   */
  async #isCommitted({ frontier, root }: NewHead): Promise<boolean> {
    const deadline = this.clock.now() + this.settings.timeoutMs;
    for (;;) {
      try {
        return await this.database.transaction(async (transaction) => {
          await lockHead(transaction, this.settings.timeoutMs);
          const stored = await readRoot(transaction, frontier.size);
          return stored?.equals(root) ?? false;
        });
      } catch (error) {
        if (this.clock.now() + COMMIT_CHECK_RETRY_MS > deadline) throw error;
        await this.clock.sleep(COMMIT_CHECK_RETRY_MS);
      }
    }
  }
}

function* timesOf(records: readonly PendingRecord[]): Generator<number> {
  for (const { encoded } of records) for (const { recordedAtMs } of encoded) yield recordedAtMs;
}

/** The write of the only record in a transaction was rejected, so that the transaction is rolled back. */
class OnlyWriteRejected extends Error {
  constructor(override readonly cause: unknown) {
    super('the write was rejected');
  }
}

/** Runs the writes in order, each in its own savepoint, so that a rejected one affects no other. */
async function runWrites(
  records: readonly PendingRecord[],
  transaction: Transaction,
): Promise<(Rejection | undefined)[]> {
  const [only, second] = records;
  if (only && !second) {
    // Needs no savepoint: when this write fails, there is nothing else to commit.
    await only.write?.(transaction).catch((error: unknown) => {
      throw new OnlyWriteRejected(error);
    });
    return [];
  }
  const rejections: (Rejection | undefined)[] = [];
  for (const { write } of records) {
    rejections.push(write && (await runInSavepoint(write, transaction)));
  }
  return rejections;
}

async function runInSavepoint(
  write: TransactionalWrite,
  transaction: Transaction,
): Promise<Rejection | undefined> {
  await transaction.query('SAVEPOINT audit_change');
  try {
    await write(transaction);
    await transaction.query('RELEASE SAVEPOINT audit_change');
    return undefined;
  } catch (error) {
    // Fails when the connection is lost, and the whole transaction with it.
    await transaction.query('ROLLBACK TO SAVEPOINT audit_change');
    return { rejection: asDatabaseUnavailable(error) };
  }
}

function assignIndexes(
  records: readonly PendingRecord[],
  rejections: readonly (Rejection | undefined)[],
  head: LogHead | undefined,
): AppendResult[] {
  let index = head?.size ?? 0;
  let timeMs = head?.recordedAtMs ?? 0;
  return records.map(({ events, encoded }, nth) => {
    const rejection = rejections[nth];
    if (rejection) return rejection;
    const firstIndex = index;
    const entries = encoded.map((entry, place) => {
      const event = events[place];
      // Times in the log never decrease, even when the clock of another process is ahead.
      const placed = event && entry.recordedAtMs < timeMs ? encodeEntry(event, timeMs) : entry;
      timeMs = placed.recordedAtMs;
      return placed;
    });
    index += entries.length;
    return { firstIndex, entries };
  });
}
