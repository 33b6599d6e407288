import { TLSSocket } from 'node:tls';
import { DataSource } from 'typeorm';
import {
  assertWritable,
  type Clock,
  ConnectionFailed,
  Database,
  type DatabaseSettings,
  dataSourceOptions,
  errorCode,
  explain,
  isLoopbackHost,
  type PasswordSource,
  ServiceClient,
  sqlState,
  UnusableSession,
} from '#libs/platform';
import {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from '#libs/secrets';
import { expiryFindings } from '../endpoints.js';
import { type Finding, finding, type FindingCode } from '../findings.js';
import { type Check, type CheckReport, skipped } from '../run-checks.js';

export interface ConnectionOptions {
  readonly settings: DatabaseSettings;
  readonly credential: PasswordSource | undefined;
  readonly clock: Clock;
}

const FAILURES: readonly (readonly [code: RegExp, finding: FindingCode])[] = [
  [/^28/, 'database-login-refused'],
  [/^3D000$/, 'database-missing'],
  [/^53300$/, 'database-connections-exhausted'],
  [/CERT|^ERR_(SSL|OSSL|TLS)|^UNABLE_TO_|SELF_SIGNED/, 'database-tls-failed'],
];

const IS_READ_ONLY = `
  SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "isReadOnly"`;

/** The connection of the checks to the database. They wait until it is known whether it can be used. */
export class ExaminedDatabase {
  readonly #usable = Promise.withResolvers<boolean>();
  readonly #dataSource: DataSource;
  readonly database: Database;

  constructor(private readonly options: ConnectionOptions) {
    const { settings, credential } = options;
    this.#dataSource = new DataSource(
      dataSourceOptions({
        ...settings,
        poolSize: 4,
        credential,
        applicationName: 'acs-identity doctor',
        allowsStandby: true,
      }),
    );
    this.database = new Database(this.#dataSource);
  }

  /** Settles when the check of the connection has ended. */
  async isUsable(): Promise<boolean> {
    return this.#usable.promise;
  }

  async close(): Promise<void> {
    if (this.#dataSource.isInitialized) await this.#dataSource.destroy();
  }

  /** Connects as the service does, and looks at the connection. */
  check(): Check {
    return {
      name: 'database',
      run: async (signal) => {
        signal.addEventListener('abort', () => {
          this.#usable.resolve(false);
        });
        const report = await this.#examine();
        this.#usable.resolve(
          report.isSkipped !== true &&
            !report.findings.some(({ code }) => isConnectionFailure(code)),
        );
        return report;
      },
    };
  }

  async #examine(): Promise<CheckReport> {
    const { settings, credential } = this.options;
    const client = new ServiceClient({
      url: settings.url,
      credential,
      applicationName: 'acs-identity doctor',
      timeoutMs: settings.timeoutMs,
      session: {},
      allowsStandby: true,
    });
    try {
      await client.connect();
    } catch (error) {
      return connectionReport(client.host, error);
    }
    try {
      const { rows } = await client.query<{ isReadOnly: boolean }>(IS_READ_ONLY);
      const isReadOnly = rows[0]?.isReadOnly === true;
      const findings = [
        ...this.#tlsFindings(client),
        ...(isReadOnly
          ? [finding('database-read-only', client.host, 'it takes no writes')]
          : await writeFindings(client)),
        ...(client.isPooled ? await poolerFindings(client) : []),
      ];
      const pooler = client.isPooled ? 'through a pooler' : 'without a pooler';
      return { findings, note: `connected ${pooler}` };
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  #tlsFindings(client: ServiceClient): Finding[] {
    const { connection } = client as unknown as { connection: { stream: unknown } }; // pg's types omit it
    const { stream } = connection;
    const { host } = client;
    if (stream instanceof TLSSocket) {
      const expiresAt = new Date(stream.getPeerCertificate().valid_to);
      return expiryFindings(host, expiresAt, this.options.clock.now());
    }
    if (isLoopbackHost(host)) return [];
    return [finding('database-not-encrypted', host, 'this connection is plain text')];
  }
}

async function writeFindings(client: ServiceClient): Promise<Finding[]> {
  const query = async <Row>(sql: string): Promise<Row[]> => (await client.query(sql)).rows as Row[]; // the caller knows the columns of its statement
  try {
    await assertWritable({ query });
    return [];
  } catch (error) {
    return [finding('database-not-writable', client.host, explain(error))];
  }
}

async function poolerFindings(client: ServiceClient): Promise<Finding[]> {
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1');
    await client.query('COMMIT');
    return [];
  } catch (error) {
    return [
      finding(
        'pooler-mode',
        client.host,
        `it refuses a transaction (${sqlState(error) ?? 'no code'})`,
      ),
    ];
  }
}

function isConnectionFailure(code: FindingCode): boolean {
  const others = ['database-unusable', 'database-encoding', 'database-parameter', 'pooler-mode'];
  if (others.includes(code)) return true;
  return FAILURES.some(([, failure]) => failure === code);
}

function connectionReport(host: string, error: unknown): CheckReport {
  // The check of the secrets has why.
  if (isOfSecret(error)) return skipped('the secret with its password can not be used');
  return { findings: [connectionFinding(host, error)] };
}

function isOfSecret(error: unknown): boolean {
  return (
    error instanceof SecretNotFound ||
    error instanceof SecretAccessRefused ||
    error instanceof SecretUnavailable ||
    error instanceof SecretUnusable ||
    (error instanceof ConnectionFailed && isOfSecret(error.cause))
  );
}

function connectionFinding(host: string, error: unknown): Finding {
  if (error instanceof ConnectionFailed && error.cause instanceof UnusableSession) {
    return finding(`database-${error.cause.problem}`, host, explain(error));
  }
  const code = codeOf(error);
  const [, known] = FAILURES.find(([pattern]) => code !== undefined && pattern.test(code)) ?? [];
  const isTlsMissing = explain(error).includes('TLS') && known === undefined;
  return finding(
    known ?? (isTlsMissing ? 'database-tls-failed' : 'database-unusable'),
    host,
    explain(error),
  );
}

/** The SQLSTATE, or the code of Node, of the innermost cause that has one. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return undefined;
  return errorCode(error) ?? codeOf(error.cause);
}
