// Several statements in one write to a connection, over pg's wire protocol. Has no statements of its own.
import pg, { type Connection, type Submittable } from 'pg';

/** A statement of a flight. */
export interface Step {
  /** Name of the prepared statement: each text has a name of its own. */
  readonly name: string;
  readonly text: string;
  /** A buffer is in PostgreSQL's binary format, a string in its text format. */
  readonly parameters?: readonly (string | Buffer | null)[];
  /** The data of a `COPY … FROM STDIN`. */
  readonly data?: readonly Buffer[];
}

/** The step without a prepared statement, for connections that keep none of the log. */
export function unnamed(step: Step): Step {
  return { ...step, name: '' };
}

/** The rows that a step returned, their columns in the text format. */
export type StepRows = readonly (readonly (string | null)[])[];

/** The connection was lost during a flight, so that it is unknown whether its transaction was committed. */
export class FlightLost extends Error {
  override readonly name = 'FlightLost';
}

/** The members of pg's connection that its types omit or describe wrongly. */
interface WireConnection {
  readonly stream: Connection['stream'];
  close(statement: { readonly type: 'S'; readonly name: string }): void;
  parse(statement: { readonly name: string; readonly text: string }): void;
  bind(portal: { readonly statement: string; readonly values: Step['parameters'] }): void;
  execute(portal: object): void;
  sync(): void;
  endCopyFrom(): void;
  once(event: 'readyForQuery' | 'end', listener: () => void): void;
  off(event: 'readyForQuery' | 'end', listener: () => void): void;
}

const COPY_DATA = 0x64; // 'd'

/**
 * Sends statements in one write, without waiting for the answer to one before it sends the next. Outside
 * a transaction block they are one implicit transaction, which the server commits at the end: no lock is
 * held while this process is busy or paused. When a statement fails, the server skips those behind it and
 * rolls back.
 *
 * The data of a COPY follows right behind it. The server discards it when the COPY does not begin.
 */
export class Flight implements Submittable {
  /** The rows of each step. Rejects with the server's error, or with `FlightLost`. */
  readonly landed: Promise<StepRows[]>;
  /** pg's client replaces it to enforce its own deadline. */
  callback = (): void => undefined;
  readonly #settle = Promise.withResolvers<StepRows[]>();
  readonly #rows: (readonly (string | null)[])[][] = [[]];
  #refusal: Error | undefined;
  #connection: WireConnection | undefined;

  /** @param prepared names of the statements that the connection has parsed; extended by the flight */
  constructor(
    private readonly steps: readonly Step[],
    private readonly prepared: Set<string>,
  ) {
    this.landed = this.#settle.promise;
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as WireConnection; // see `WireConnection`
    this.#connection = wire;
    // pg's client no longer passes on that it is ready when a statement has failed before.
    wire.once('readyForQuery', this.#onReady);
    wire.once('end', this.#onEnd);
    const { stream } = wire;
    stream.cork();
    for (const step of this.steps) this.#send(step, wire);
    wire.sync();
    stream.uncork();
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#rows.at(-1)?.push(fields);
  }

  handleCommandComplete(): void {
    this.#rows.push([]);
  }

  handleCopyInResponse(): void {
    // The data is under way already.
  }

  handleReadyForQuery(): void {
    // `#onReady` is called for it, and after a failed statement too.
  }

  /** An error of a statement, after which the server gets ready again, or the loss of the connection. */
  handleError(error: Error): void {
    this.#refusal ??= error;
    if (!(error instanceof pg.DatabaseError)) this.#onEnd();
  }

  readonly #onReady = (): void => {
    this.#detach();
    if (this.#refusal) {
      // What the server has parsed before the error is unknown: the next flight closes names first.
      this.prepared.clear();
      this.#settle.reject(this.#refusal);
      return;
    }
    for (const { name } of this.steps) this.prepared.add(name);
    this.#settle.resolve(this.#rows.slice(0, this.steps.length));
  };

  readonly #onEnd = (): void => {
    this.#detach();
    this.#settle.reject(
      new FlightLost('the connection was lost before the server answered', {
        cause: this.#refusal,
      }),
    );
  };

  #send({ name, text, parameters = [], data }: Step, wire: WireConnection): void {
    if (!this.prepared.has(name)) {
      wire.close({ type: 'S', name });
      wire.parse({ name, text });
    }
    wire.bind({ statement: name, values: parameters });
    wire.execute({});
    if (!data) return;
    for (const chunk of data) {
      const header = Buffer.allocUnsafe(5);
      header[0] = COPY_DATA;
      header.writeInt32BE(4 + chunk.length, 1);
      wire.stream.write(header);
      wire.stream.write(chunk);
    }
    wire.endCopyFrom();
  }

  #detach(): void {
    this.#connection?.off('readyForQuery', this.#onReady);
    this.#connection?.off('end', this.#onEnd);
    this.callback();
  }
}
