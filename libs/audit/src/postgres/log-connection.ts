import { Inject, Injectable } from '@nestjs/common';
import pg from 'pg';
import { databaseSettings, type DatabaseSettings } from '#libs/platform';
import { auditSettings, type AuditSettings } from '../settings.js';
import { Flight, FlightLost, type Step, type StepRows } from './flight.js';

/** A server process that serves a connection. Its id alone may be given to another one later. */
export interface Backend {
  readonly pid: number;
  readonly startedAt: string;
}

interface OpenConnection {
  readonly client: pg.Client;
  readonly backend: Backend;
  readonly prepared: Set<string>;
}

/** Time that the server has beyond its own timeouts to answer, before its connection is cut. */
const ANSWER_MARGIN_MS = 500;

/**
 * Bounds what an abandoned transaction can do: of a process that is stopped, or of a machine that is
 * gone without closing its connections. Settings that the server does not have are left out.
 */
const PREPARE_SESSION = `
  SELECT pid, backend_start::text AS "startedAt",
    (SELECT count(set_config(parameter, value, false))
     FROM pg_settings JOIN (VALUES
       ('transaction_timeout', $1::text), -- since PostgreSQL 17
       ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')
     ) AS wanted (parameter, value) ON parameter = name)
  FROM pg_stat_activity WHERE pid = pg_backend_pid()`;

const TERMINATE = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid = $1 AND backend_start = $2::timestamptz`;

/**
 * The connection that the log is written over. It is not one of the pool's, so that neither a full pool
 * nor a slow statement delays the log. Connects on first use and again after a loss. One call at a time.
 */
@Injectable()
export class LogConnection {
  #open: OpenConnection | undefined;

  constructor(
    @Inject(databaseSettings.key) private readonly database: DatabaseSettings,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /** Connects, unless there is a connection. @returns its backend */
  async connect(): Promise<Backend> {
    return (await this.#connected()).backend;
  }

  /**
   * Sends the steps as one flight.
   *
   * @param timeoutMs the server's own timeouts, after which the connection is cut
   * @param on the backend that has begun a transaction block for these steps
   * @throws FlightLost when the outcome is unknown; any other error when nothing was committed
   */
  async fly(steps: readonly Step[], timeoutMs: number, on?: Backend): Promise<StepRows[]> {
    const { client, prepared, backend } = await this.#connected();
    // On another connection the steps would be committed without what their transaction did before.
    if (on && on !== backend) throw new FlightLost('the connection was lost between two flights');
    const flight = new Flight(steps, prepared);
    const timer = setTimeout(() => {
      this.cut();
    }, timeoutMs + ANSWER_MARGIN_MS);
    try {
      client.query(flight);
      return await flight.landed;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs one statement, inside the transaction block that a flight has begun. */
  async query<T>(sql: string, parameters: unknown[] = []): Promise<T> {
    const { client } = await this.#connected();
    const timer = setTimeout(() => {
      this.cut();
    }, this.settings.timeoutMs + ANSWER_MARGIN_MS);
    try {
      const { rows } = await client.query(sql, parameters);
      return rows as T; // the caller knows the columns of its statement, as with TypeORM
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends another connection's server process and waits until it is gone: what it has not committed by
   * then, it never will, even if it has not read all of a flight yet.
   *
   * @returns `false` while it is still there
   */
  async terminate({ pid, startedAt }: Backend): Promise<boolean> {
    const rows = await this.query<unknown[]>(TERMINATE, [pid, startedAt]);
    return rows.length === 0;
  }

  /** Destroys the connection, whatever state it is in. The server rolls back. */
  cut(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    const { connection } = open.client as unknown as { connection: pg.Connection }; // @types/pg omits it
    connection.stream.destroy();
  }

  /** Closes the connection. A later call connects again. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.client.end();
  }

  async #connected(): Promise<OpenConnection> {
    if (this.#open) return this.#open;
    const { url, timeoutMs } = this.database;
    const client = new pg.Client({
      connectionString: url,
      application_name: 'acs-identity log',
      connectionTimeoutMillis: timeoutMs,
      statement_timeout: timeoutMs,
      lock_timeout: timeoutMs,
      // Between the two flights of a batch; the lock is held meanwhile.
      idle_in_transaction_session_timeout: Math.ceil(this.settings.timeoutMs / 2),
      query_timeout: 0,
      keepAlive: true,
    });
    const forget = (): void => {
      if (this.#open?.client === client) this.#open = undefined;
    };
    // Also keeps pg from ending the process: without a listener, `error` is thrown.
    client.on('error', forget);
    client.on('end', forget);
    const timer = setTimeout(() => {
      client.end().catch(() => undefined);
    }, timeoutMs + ANSWER_MARGIN_MS);
    try {
      await client.connect();
      const transactionTimeout = String(2 * this.settings.timeoutMs);
      const { rows } = await client.query<Backend>(PREPARE_SESSION, [transactionTimeout]);
      const [backend] = rows;
      if (!backend) throw new Error('the server does not list its own session');
      this.#open = { client, backend, prepared: new Set() };
      return this.#open;
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
