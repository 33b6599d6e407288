import { asDatabaseUnavailable, sqlState, type Transaction } from '#libs/platform';

/**
 * A change of one row, as data: the changes of one name in a batch are made by one statement.
 *
 * A change whose row is not as expected is rejected alone, and costs the others of its batch nothing.
 * The changes of a batch are not made in the order of their entries: each must state in its statement
 * what it expects of its row. Conditions are checked after all changes.
 */
export interface RowChange {
  /** Names the statement, for the connection that has prepared it. */
  readonly name: string;
  /**
   * The statement over the rows of all changes: `… FROM unnest($1::uuid[], …) WITH ORDINALITY AS c (id, …, n)
   * … RETURNING c.n`. It returns the ordinal of each change that holds.
   */
  readonly text: string;
  /** The values of the columns. */
  readonly row: readonly ChangeValue[];
  /** Whether the statement only reads. */
  readonly isCondition?: boolean;
  /** Whether the change also holds where it finds no row. It is made after those that have to find theirs. */
  readonly isOptional?: boolean;
  /** @param cause the violated constraint, if there is one */
  readonly reject: (cause?: unknown) => Error;
}

export type ChangeValue = string | number | boolean | Date | null | undefined;

/** Changes of several rows, each of another one: all take effect, or none. Rejected as the first that does not hold. */
export interface RowChanges {
  /** At least one. */
  readonly changes: readonly RowChange[];
}

/**
 * Statements that commit in the transaction that appends their entry: both take effect, or neither.
 *
 * This makes `AuditTrail` and `IdentityMap` one PostgreSQL unit: a change of a mapping is only possible
 * as a write of `AuditTrail.record`. Neither can be replaced by an adapter of another database alone.
 *
 * A function is for rare changes of many rows: it has a transaction of its own, and the log is locked
 * while it runs. A few fast statements, no calls to other services, and no waiting for locks that another
 * caller of `record` may hold.
 */
export type TransactionalWrite = RowChange | RowChanges | TransactionFunction;

export type TransactionFunction = (transaction: Transaction) => Promise<void>;

const UNIQUE_VIOLATION = '23505';

/** Makes a write alone. Rejects as the write does. */
export async function applyWrite(
  transaction: Transaction,
  write: TransactionalWrite,
): Promise<void> {
  if (typeof write === 'function') {
    await write(transaction);
    return;
  }
  for (const change of changesOf(write)) await applyChange(transaction, change);
}

async function applyChange(transaction: Transaction, change: RowChange): Promise<void> {
  const columns = change.row.map((value) => [value ?? null]);
  const result = await transaction
    .query<unknown[]>(change.text, columns)
    .catch((error: unknown) => {
      throw rejectionOf(change, error);
    });
  // TypeORM returns rows and their number for an update, but only the rows for other statements.
  const [rows] = result;
  const isMade = (Array.isArray(rows) ? rows : result).length > 0;
  if (!isMade && change.isOptional !== true) throw change.reject();
}

/**
 * Several writes as one: all take effect, or none. Where one is a function, so is the result, and they are
 * made in their order; changes of rows alone share the batch with others.
 */
export function together(writes: readonly TransactionalWrite[]): TransactionalWrite {
  const [first, ...others] = writes;
  if (first && others.length === 0) return first;
  const rowWrites = writes.filter((write) => typeof write !== 'function');
  if (rowWrites.length === writes.length) return { changes: rowWrites.flatMap(changesOf) };
  return async (transaction) => {
    for (const write of writes) await applyWrite(transaction, write);
  };
}

/** The changes of a write that is no function, in their order. */
export function changesOf(write: RowChange | RowChanges): readonly RowChange[] {
  return 'changes' in write ? write.changes : [write];
}

/** The error of a write whose statement failed when it was made alone. */
export function rejectionOf(write: RowChange, error: unknown): unknown {
  return sqlState(error) === UNIQUE_VIOLATION ? write.reject(error) : asDatabaseUnavailable(error);
}
