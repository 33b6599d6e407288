import type { ClientBase, Connection, Submittable } from 'pg';
import type { Transaction } from '#libs/platform';

/** Rows under way to the server. */
export interface RowCopy {
  /** Resolves when they are written, and the server works on them; also when the copy fails. */
  readonly sent: Promise<void>;
  /** Resolves when they are stored. */
  readonly stored: Promise<void>;
}

/**
 * Adds rows with COPY in its binary format, which costs the server a quarter less than INSERT from
 * arrays: nothing to plan, no arrays to take apart, whole pages at a time.
 *
 * @param sql `COPY … FROM STDIN (FORMAT binary)`
 * @param chunks one stream of bytes, in pieces of any size, asked for when the server is ready
 */
export async function copyRows(
  transaction: Transaction,
  sql: string,
  chunks: Iterable<Buffer>,
): Promise<RowCopy> {
  const client = (await transaction.queryRunner?.connect()) as ClientBase | undefined; // TypeORM's driver is pg
  if (!client) throw new Error('rows are copied inside a transaction only');
  const sent = Promise.withResolvers<undefined>();
  const stored = Promise.withResolvers<undefined>();
  const finish = (error: unknown): void => {
    sent.resolve(undefined);
    if (error === undefined || error === null) stored.resolve(undefined);
    else stored.reject(error);
  };
  client.query(
    new CopyIn(
      sql,
      chunks,
      () => {
        sent.resolve(undefined);
      },
      finish,
    ),
  );
  stored.promise.catch(() => undefined); // whoever waits for `sent` first comes to it later
  return { sent: sent.promise, stored: stored.promise };
}

/** The part of pg's connection that its types leave out. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** What pg's client asks of a query, for a COPY. The client puts its deadline around `callback`. */
class CopyIn implements Submittable {
  constructor(
    private readonly sql: string,
    private readonly chunks: Iterable<Buffer>,
    private readonly onSent: () => void,
    public callback: (error?: unknown) => void,
  ) {}

  submit(connection: Connection): void {
    connection.query(this.sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    try {
      for (const chunk of this.chunks) connection.sendCopyFromChunk(chunk);
      connection.endCopyFrom();
    } catch (error) {
      connection.sendCopyFail('the rows could not be written');
      this.callback(error);
    }
    this.onSent();
  }

  handleCommandComplete(): void {
    // The rows are stored when the server is ready again.
  }

  handleReadyForQuery(): void {
    this.callback();
  }

  handleError(error: unknown): void {
    this.callback(error);
  }
}
