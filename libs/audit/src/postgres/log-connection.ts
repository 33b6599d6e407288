import { Inject, Injectable, Optional } from '@nestjs/common';
import type pg from 'pg';
import {
  DatabaseCredential,
  databaseSettings,
  type DatabaseSettings,
  ServiceClient,
  sqlState,
  withOtherPassword,
} from '#libs/platform';
import { auditSettings, type AuditSettings } from '../settings.js';
import { BEGIN, COMMIT, ROLLBACK } from './append-statements.js';
import { Flight, FlightLost, type Step, type StepRows, unnamed } from './flight.js';

/** What serves a connection: a server process, or behind a pooler another one for each transaction. */
export interface Backend {
  /** Its id alone may be given to another process later. */
  readonly pid: number;
  readonly startedAt: string;
  /** Behind a pooler: the time of the server, in milliseconds since 1970, after which no flight can commit. */
  expiresAtMs?: number;
}

interface Identity {
  readonly pid: number;
  readonly startedAt: string;
  readonly now: string;
}

interface OpenConnection {
  readonly client: ServiceClient;
  readonly backend: Backend;
  readonly prepared: Set<string>;
  flights: number;
  /** To be added to `performance.now()` for the time of the server. */
  readonly serverOffsetMs: number;
}

/** Time that the server has beyond its own timeouts to answer, before its connection is cut. */
const ANSWER_MARGIN_MS = 500;

/**
 * A role sees the start of its own processes only, which are those of the login: after `SET role`, which an
 * administrator may have set for the login, a session does not see its own. In one message with what follows,
 * it is for that alone.
 */
const AS_LOGIN = 'SET LOCAL ROLE NONE;';

const IDENTIFY = `
  SELECT pid, backend_start::text AS "startedAt", extract(epoch FROM clock_timestamp()) * 1000 AS now
  FROM pg_stat_activity WHERE pid = pg_backend_pid()`;

/** @param startedAt as a literal */
const terminate = (pid: number, startedAt: string): string => `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid = ${pid} AND backend_start = ${startedAt}::timestamptz`;

const HAS_EXPIRED = 'SELECT extract(epoch FROM clock_timestamp()) * 1000 > $1 AS "hasExpired"';

/** The step of a flight after which only its commit is left. Fails when the time is over. */
const EXPIRE = `
  SELECT 1 / (extract(epoch FROM clock_timestamp()) * 1000 <= $1::double precision)::integer`;

/** The SQLSTATE of a flight that has expired. */
export const EXPIRED = '22012';
/** The name of steps that are added behind a pooler. */
const ADDED = 'audit_pooled';

/** On a direct connection it is a parameter of the session. */
const BOUND_TRANSACTION = `SELECT set_config('idle_in_transaction_session_timeout', $1, true)`;

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
    @Optional() @Inject(DatabaseCredential) private readonly credential?: DatabaseCredential,
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
    const open = await this.#connected();
    const { client, prepared, backend } = open;
    open.flights += 1;
    // Plans from a time when the tables were nearly empty are not kept.
    if (Number.isInteger(Math.log2(open.flights))) prepared.clear();
    // On another connection the steps would be committed without what their transaction did before.
    if (on && on !== backend) throw new FlightLost('the connection was lost between two flights');
    const all = client.isPooled ? this.#pooledSteps(steps, timeoutMs, open) : steps;
    const flight = client.isPooled
      ? new Flight(all.map(unnamed), new Set())
      : new Flight(all, prepared);
    const timer = this.#cutAfter(timeoutMs);
    try {
      client.query(flight);
      const rows = await flight.landed;
      return rows.filter((_, nth) => all[nth]?.name !== ADDED);
    } catch (error) {
      if (sqlState(error) === EXPIRED) this.cut(); // the clock of the server was set: measure it again
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs one statement, inside the transaction block that a flight has begun. */
  async query<T>(sql: string, parameters: unknown[] = []): Promise<T> {
    const { client } = await this.#connected();
    const timer = this.#cutAfter(this.settings.timeoutMs);
    try {
      const { rows } = await client.query(sql, parameters);
      return rows as T; // the caller knows the columns of its statement, as with TypeORM
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends another connection's server process and waits until it is gone: what it has not committed by
   * then, it never will, even if it has not read all of a flight yet. Behind a pooler, waits instead until
   * its last flight has expired: then it is committed, holds the lock of the log, or never will be.
   *
   * @returns `false` while it is still there
   */
  async terminate({ pid, startedAt, expiresAtMs }: Backend): Promise<boolean> {
    if (expiresAtMs !== undefined) {
      const [row] = await this.query<{ hasExpired: boolean }[]>(HAS_EXPIRED, [expiresAtMs]);
      return row?.hasExpired === true;
    }
    const { client } = await this.#connected();
    const timer = this.#cutAfter(this.settings.timeoutMs);
    try {
      const sql = terminate(pid, client.escapeLiteral(startedAt));
      return (await rowsAsLogin(client, sql)).length === 0;
    } finally {
      clearTimeout(timer);
    }
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
    return this.#open ?? withOtherPassword(async () => this.#connect());
  }

  async #connect(): Promise<OpenConnection> {
    const { url, timeoutMs } = this.database;
    const client = new ServiceClient({
      url,
      credential: this.credential?.source,
      applicationName: 'acs-identity log',
      timeoutMs,
      session: {
        statement_timeout: String(timeoutMs),
        lock_timeout: String(timeoutMs),
        // Between the two flights of a batch; the lock is held meanwhile.
        idle_in_transaction_session_timeout: String(this.#idleTimeoutMs),
        // These bound what an abandoned transaction can do: of a process that is stopped, or of a machine
        // that is gone without closing its connections.
        transaction_timeout: String(2 * this.settings.timeoutMs), // since PostgreSQL 17
        tcp_keepalives_idle: '10',
        tcp_keepalives_interval: '5',
        tcp_keepalives_count: '3',
        // To plan a statement of an append takes longer than to execute it.
        plan_cache_mode: 'force_generic_plan',
      },
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
      const { pid, startedAt, now } = await identityOf(client);
      const serverOffsetMs = Number(now) - performance.now();
      this.#open = {
        client,
        backend: { pid, startedAt },
        prepared: new Set(),
        flights: 0,
        serverOffsetMs,
      };
      return this.#open;
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param timeoutMs the server's own timeouts */
  #cutAfter(timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.cut();
    }, timeoutMs + ANSWER_MARGIN_MS);
  }

  get #idleTimeoutMs(): number {
    return Math.ceil(this.settings.timeoutMs / 2);
  }

  /**
   * Bounds the transaction, and lets its last flight expire, since it could reach the server long after its
   * connection to the pooler was cut.
   */
  #pooledSteps(steps: readonly Step[], timeoutMs: number, open: OpenConnection): Step[] {
    const idle: Step = {
      name: ADDED,
      text: BOUND_TRANSACTION,
      parameters: [String(this.#idleTimeoutMs)],
    };
    if (steps[0] === BEGIN) return [BEGIN, idle, ...steps.slice(1)];
    if (steps[0] === ROLLBACK) return [...steps];
    const expiresAtMs = performance.now() + open.serverOffsetMs + timeoutMs + ANSWER_MARGIN_MS;
    open.backend.expiresAtMs = expiresAtMs;
    const expire: Step = { name: ADDED, text: EXPIRE, parameters: [String(expiresAtMs)] };
    return steps.at(-1) === COMMIT ? [...steps.slice(0, -1), expire, COMMIT] : [...steps, expire];
  }
}

/** Behind a pooler the flights of a backend end by their expiry, and its start means nothing. */
async function identityOf(client: ServiceClient): Promise<Identity> {
  const [row] = client.isPooled
    ? (await client.query<Identity>(IDENTIFY)).rows
    : await rowsAsLogin<Identity>(client, IDENTIFY);
  if (!row || (!row.startedAt && !client.isPooled)) {
    throw new Error('the server does not list its own session');
  }
  return row;
}

/** The rows of the last statement of one message, which is one transaction. */
async function rowsAsLogin<Row extends pg.QueryResultRow>(
  client: ServiceClient,
  sql: string,
): Promise<readonly Row[]> {
  const results: unknown = await client.query(AS_LOGIN + sql);
  const [, last] = results as readonly pg.QueryResult<Row>[]; // one for each statement of a text
  return last?.rows ?? [];
}
