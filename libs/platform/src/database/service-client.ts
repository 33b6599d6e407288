import pg, { Client, type ClientConfig, Connection, Query, type QueryConfig } from 'pg';
import { type DatabaseAddress, parseDatabaseAddress } from './database-address.js';
import { ConnectionFailed } from './connection-failed.js';
import type { PasswordSource } from './database-credential.js';
import { databaseReason } from './database-reason.js';
import {
  prepareSession,
  requireUsableSession,
  type SessionState,
  STARTUP_PARAMETERS,
} from './session-parameters.js';
import { sqlState } from './sqlstate.js';
import { typesWithBoundedTimes } from './bounded-times.js';
import { NoWritableHost, WritableHost } from './writable-host.js';

export interface ClientOptions {
  readonly url: string;
  /** Default: the password in the address. */
  readonly credential?: PasswordSource | undefined;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** To connect. */
  readonly timeoutMs: number;
  /** Of the client, for a server that no longer answers at all. Default: none. */
  readonly queryTimeoutMs?: number;
  /** Parameters of the server for this session. Those that its version does not have are left out. */
  readonly session: Readonly<Record<string, string>>;
  /** Whether the server may be a standby, for commands that only read. Default: false. */
  readonly allowsStandby?: boolean | undefined;
}

/** Parameters that a transaction behind a pooler sets for itself; the others are those of its server process. */
const LOCAL_PARAMETERS = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
];

/** The SQLSTATE of a write that a server refuses because it, or the session, takes none. */
const READ_ONLY = '25006';

/** What pg says when there is no answer within `queryTimeoutMs`. */
const NO_ANSWER = 'Query read timeout';

const BEGIN = /^\s*(BEGIN|START\s+TRANSACTION)\b/i;

type AnyQuery = (...given: unknown[]) => unknown;

/** The members of pg's client that its types omit. */
interface ClientInternals {
  host: string;
  port: number;
  readonly processID: number;
  readonly readyForQuery: boolean;
  readonly connection: Connection & { ssl: unknown };
}

/**
 * A client of pg whose sessions have the parameters that the SQL of the service depends on, and that depends
 * on nothing that a pooler in transaction mode takes away: behind one it neither sets parameters for a
 * session nor names its statements. There each transaction, and each statement outside one, sets its own
 * timeouts.
 *
 * Connects to the host that takes writes, if there are several, and to no standby: what it has may be older
 * than what this process has seen. A connection that turns out to be read-only is closed, because after a
 * failover its address may lead to another server. A lost connection does not end the process:
 * without a listener pg would throw its `error`, and between the pool and TypeORM there are moments without
 * one. The listener hides nothing, because statements on a lost connection fail.
 *
 * A server that does not even answer that a statement has run out of time is gone, or the way to it is. pg
 * keeps such a connection. This closes it, with those of the pool that have been idle since: otherwise each
 * of them would let one request wait in vain.
 */
export class ServiceClient extends Client {
  #isPooled = false;
  readonly #fault: Error | undefined;
  readonly #address: DatabaseAddress;
  readonly #login: Login;
  /** Of `performance.now()`. */
  #answeredAt = 0;

  /**
   * @param writableHost shared by the clients of a pool
   * @param connected those of the pool
   */
  constructor(
    private readonly options: ClientOptions,
    private readonly writableHost = new WritableHost(),
    private readonly connected = new Set<ServiceClient>(),
  ) {
    const { address, fault } = readAddress(options.url);
    const [first = {}] = address.hosts;
    const login = loginOf(options.credential);
    super(configFor(first, { ...options, credential: login.source }, address));
    this.#login = login;
    this.#address = address;
    this.#fault = fault;
    this.on('error', () => undefined);
    const base = this.query.bind(this) as AnyQuery;
    this.query = ((...given: unknown[]) => this.#query(base, given)) as typeof this.query;
    this.on('drain', () => {
      this.#answeredAt = performance.now();
    });
    this.once('end', () => {
      connected.delete(this);
    });
  }

  /** Whether a pooler is between this client and the server. Known when it is connected. */
  get isPooled(): boolean {
    return this.#isPooled;
  }

  /** @throws ConnectionFailed */
  override connect(): Promise<this>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<this> | undefined {
    const connected = this.#connect();
    if (!callback) return connected.then(() => this);
    connected.then(() => {
      callback(null);
    }, callback);
    return undefined;
  }

  /** Called by pg when the session begins. */
  getStartupConf(): Record<string, string> {
    return { ...BASE_CLIENT.getStartupConf.call(this), ...STARTUP_PARAMETERS };
  }

  /** pg's `query`, whose overloads take a query in many forms. */
  #query(base: AnyQuery, [query, values, callback]: unknown[]): unknown {
    if (isSubmittable(query)) return base(query, values, callback);
    const settle = (typeof values === 'function' ? values : callback) as AnyQuery | undefined;
    const parameters = Array.isArray(values) ? values : undefined;
    if (settle && !this.#isPooled) return base(query, parameters, this.#noticingSilence(settle));
    const answer = this.#isPooled
      ? this.#runPooled(query as string | QueryConfig, parameters, base) // pg takes no other forms
      : (base(query, parameters) as Promise<unknown>);
    answer.catch(this.#closeWhenSilent);
    if (!settle) return answer;
    answer.then(
      (rows) => settle(null, rows),
      (error: unknown) => settle(error),
    );
    return undefined;
  }

  async #runPooled(
    query: string | QueryConfig,
    values: unknown[] | undefined,
    base: AnyQuery,
  ): Promise<unknown> {
    const { name: _name, ...config } = {
      ...(typeof query === 'string' ? { text: query } : query),
      ...(values && { values }),
    } as QueryConfig;
    if (BEGIN.test(config.text)) {
      const local = this.#localSettings.map(([name, value]) => `SET LOCAL ${name} = '${value}'`);
      return base([config.text, ...local].join('; '));
    }
    const settings = this.#localSettings;
    if (settings.length === 0 || this.getTransactionStatus() !== 'I') return base(config);
    return new Promise((resolve, reject) => {
      base(
        new BoundedQuery(config, settings, (error, result) => {
          if (error) reject(error);
          else resolve(result);
        }),
      );
    });
  }

  #noticingSilence(settle: AnyQuery): AnyQuery {
    return (error, rows) => {
      if (error) this.#closeWhenSilent(error);
      settle(error, rows);
    };
  }

  readonly #closeWhenSilent = (error: unknown): void => {
    if (!(error instanceof Error) || error.message !== NO_ANSWER) return;
    const since = performance.now() - (this.options.queryTimeoutMs ?? 0);
    for (const client of this.connected)
      if (client === this || client.#isIdleSince(since)) client.#destroy();
  };

  #isIdleSince(time: number): boolean {
    const { readyForQuery } = this as unknown as ClientInternals; // see `ClientInternals`
    return readyForQuery && this.getTransactionStatus() === 'I' && this.#answeredAt < time;
  }

  #destroy(): void {
    const { connection } = this as unknown as ClientInternals; // see `ClientInternals`
    // As pg takes a fault of the network: at once, so that the pool gives this client to nobody else.
    connection.emit('error', new Error('Connection terminated: the server has become silent'));
    connection.stream.destroy();
  }

  get #localSettings(): (readonly [string, string])[] {
    return Object.entries(this.options.session).filter(([name]) => LOCAL_PARAMETERS.includes(name));
  }

  async #connect(): Promise<void> {
    try {
      if (this.#fault) throw this.#fault;
      const own = this as unknown as ClientInternals; // see `ClientInternals`
      if (this.options.credential?.needsTls && !own.connection.ssl) {
        throw new Error('its password must not be sent without TLS: set sslmode=verify-full');
      }
      if (this.#address.hosts.length > 1) await this.#chooseHost(own);
      closeWhenReadOnly(own.connection);
      await super.connect();
      const statement = prepareSession(own.processID, this.options.session);
      const { rows } = await super.query<SessionState>(statement);
      const [state] = rows;
      if (state) requireUsableSession(state);
      if (state?.isStandby === true && this.options.allowsStandby !== true) {
        throw Object.assign(new Error('the server is a standby'), { code: READ_ONLY });
      }
      this.#isPooled = state?.isDirect === false;
      this.options.credential?.accepted?.(this.#login.password);
      this.connected.add(this);
    } catch (error) {
      const isRepeatable = isLoginRefused(error) && (await this.#hasOtherPassword());
      this.writableHost.forget();
      this.end().catch(() => undefined);
      throw new ConnectionFailed(databaseReason(error), { cause: error, isRepeatable });
    }
  }

  async #hasOtherPassword(): Promise<boolean> {
    const { credential } = this.options;
    return (await credential?.refused?.(this.#login.password)) === true;
  }

  async #chooseHost(own: ClientInternals): Promise<void> {
    const configs = this.#address.hosts.map((host) => ({
      ...configFor(host, { ...this.options, credential: this.#login.source }, this.#address),
      connectionTimeoutMillis: Math.ceil(this.options.timeoutMs / 2),
    }));
    const { host = '', port = 5432 } = await this.writableHost.find(configs);
    if (own.connection.stream.destroyed) throw new Error('timeout while looking for a host');
    Object.assign(own, { host, port });
    this.once('end', () => {
      this.writableHost.forget();
    });
  }
}

/** Closes the connection when the server has answered completely that it takes no writes. */
function closeWhenReadOnly(connection: Connection): void {
  connection.on('errorMessage', ({ code }: pg.DatabaseError) => {
    if (code !== READ_ONLY) return;
    connection.once('readyForQuery', () => {
      connection.stream.destroy();
    });
  });
}

/** The member of pg's client that its types omit. */
const BASE_CLIENT = Client.prototype as unknown as {
  getStartupConf(): Record<string, string>;
};

/** A statement that comes with its timeouts, as one implicit transaction and in one message. */
class BoundedQuery extends Query {
  #isBounded = false;

  constructor(
    config: QueryConfig,
    private readonly settings: readonly (readonly [string, string])[],
    callback: (error: Error | undefined, result: unknown) => void,
  ) {
    super({ ...config, queryMode: 'extended' } as QueryConfig, callback);
  }

  /** Called by `submit`. */
  prepare(connection: Connection): void {
    const wire = connection as unknown as Record<'parse' | 'bind' | 'execute', (o: object) => void>; // pg's types lag behind
    // True of no row, so that nothing but its completion comes before the answer to the statement.
    const text = this.settings.map(
      ([name, value]) => `set_config('${name}', '${value}', true) IS NULL`,
    );
    wire.parse({ text: `SELECT WHERE ${text.join(' OR ')}` });
    wire.bind({});
    wire.execute({});
    BASE_QUERY.prepare.call(this, connection);
  }

  handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#isBounded) BASE_QUERY.handleCommandComplete.call(this, message, connection);
    this.#isBounded = true;
  }
}

/** The members of pg's query that its types omit. */
const BASE_QUERY = Query.prototype as unknown as {
  prepare(connection: Connection): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
};

/** Continues without TLS on the same connection when the server has none. */
class TlsOptionalConnection extends Connection {
  connect(port: number, host: string): void {
    // pg's types omit these members.
    const base = Connection.prototype as unknown as {
      connect(port: number, host: string): void;
      attachListeners(stream: unknown): void;
    };
    base.connect.call(this, port, host);
    const { stream } = this;
    const [onAnswer] = stream.listeners('data');
    stream.removeAllListeners('data');
    stream.once('data', (answer: Buffer) => {
      if (answer.toString() !== 'N') {
        onAnswer?.call(stream, answer);
        return;
      }
      base.attachListeners.call(this, stream);
      this.emit('sslconnect'); // pg's client then begins its session
    });
  }
}

function configFor(
  host: ClientConfig,
  { credential, applicationName, timeoutMs, queryTimeoutMs }: ClientOptions,
  { isTlsOptional }: DatabaseAddress,
): ClientConfig {
  const config = {
    application_name: applicationName,
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    types: typesWithBoundedTimes,
    ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
    ...host,
    ...(credential && { password: async () => credential.password() }),
  };
  if (!isTlsOptional) return config;
  return { ...config, connection: new TlsOptionalConnection(config) } as ClientConfig; // pg's types omit it
}

/** The password that was sent last: by then the source may have another. */
interface Login {
  password: string;
  readonly source: PasswordSource | undefined;
}

function loginOf(credential: PasswordSource | undefined): Login {
  if (!credential) return { password: '', source: undefined };
  const { needsTls } = credential;
  const password = async (): Promise<string> => (login.password = await credential.password());
  const login: Login = { password: '', source: { needsTls, password } };
  return login;
}

/** A fault is reported when the client connects: a constructor that throws would break the pool. */
function readAddress(url: string): { address: DatabaseAddress; fault?: Error } {
  try {
    return { address: parseDatabaseAddress(url) };
  } catch (error) {
    return { address: { hosts: [{}], isTlsOptional: false }, fault: error as Error };
  }
}

/** By the only server, or by one of several hosts. */
function isLoginRefused(error: unknown): boolean {
  if (error instanceof NoWritableHost) return error.errors.some(isLoginRefused);
  return sqlState(error)?.startsWith('28') === true;
}

function isSubmittable(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'submit' in query;
}
