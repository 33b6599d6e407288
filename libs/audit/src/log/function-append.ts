import type { ClientBase } from 'pg';
import { asDatabaseUnavailable, type Database, type Transaction } from '#libs/platform';
import type { TreeFrontier } from '#libs/transparency-log';
import {
  type Addition,
  copyEntries,
  insertHead,
  type LogHead,
  lockHead,
  NEWEST_CHECKPOINT,
  toCheckpoint,
  toHead,
} from '../postgres/append-statements.js';
import { Flight, type Step, type StepRows, unnamed } from '../postgres/flight.js';
import type { AuditSettings } from '../settings.js';
import type { KnownLog } from './known-log.js';

/** What `FunctionAppend.run` has done: rejected, or committed unless there is an error of the commit. */
type FunctionOutcome<T> = { readonly rejection: unknown } | (T & { readonly error: unknown });

/** The log under the lock of the transaction. */
interface FunctionLog {
  readonly head: LogHead | undefined;
  readonly frontier: TreeFrontier;
  readonly checkpoint: string | undefined;
  readonly transaction: Transaction;
}

/** Appends one record whose write is a function, in a transaction of the pool. */
export class FunctionAppend {
  constructor(
    private readonly database: Database,
    private readonly known: KnownLog,
    private readonly settings: AuditSettings,
  ) {}

  /**
   * Locks the head, runs the write and adds what is built on the head.
   *
   * @returns with the `error` of a commit whose outcome is unknown
   * @throws any error when nothing was committed
   */
  async run<T extends { readonly addition: Addition }>(
    write: (transaction: Transaction) => Promise<void>,
    build: (log: FunctionLog) => Promise<T>,
  ): Promise<FunctionOutcome<T>> {
    let built: T | undefined;
    try {
      await this.database.transaction(async (transaction) => {
        const [headRows = [], checkpointRows = []] = await flyInTransaction(transaction, [
          lockHead(this.settings.timeoutMs),
          NEWEST_CHECKPOINT,
        ]);
        const head = toHead(headRows);
        const frontier = await this.known.frontierAt(head, transaction);
        await write(transaction).catch((error: unknown) => {
          throw new WriteRejected(error);
        });
        const checkpoint = toCheckpoint(checkpointRows);
        const next = await build({ head, frontier, checkpoint, transaction });
        const { entries, fromSize } = next.addition;
        await flyInTransaction(transaction, [
          ...copyEntries(entries, fromSize),
          ...insertHead(next.addition, { fingerprint: new Set(), signing: undefined }),
        ]);
        built = next;
      });
    } catch (error) {
      if (error instanceof WriteRejected) return { rejection: asDatabaseUnavailable(error.cause) };
      if (!built) throw error;
      return { ...built, error };
    }
    if (!built) throw new Error('a transaction without a result');
    return { ...built, error: undefined };
  }
}

/** The write was rejected, so that the transaction is rolled back. */
class WriteRejected extends Error {
  constructor(override readonly cause: unknown) {
    super('the write was rejected');
  }
}

/** Sends steps over the connection of a transaction. */
export async function flyInTransaction(
  transaction: Transaction,
  steps: readonly Step[],
): Promise<StepRows[]> {
  const client = (await transaction.queryRunner?.connect()) as ClientBase | undefined; // TypeORM's driver is pg
  if (!client) throw new Error('the log is appended to inside a transaction only');
  return client.query(new Flight(steps.map(unnamed), new Set())).landed;
}
