import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import {
  createEmulatorKeys,
  type Emulator,
  type EmulatorKeys,
  type EmulatorOptions,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  startEmulator,
} from '../../apps/emulator/src/index.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { type ApiProcess, startApi } from '../../apps/local/src/api-process.js';
import { cloneDatabase, type TestCluster, type TestDatabase } from '#libs/platform/testing';
import { compileCache } from './root.js';
import { SecretScanner } from './secret-scanner.js';

export interface ServiceOptions {
  readonly cluster: TestCluster;
  /** Number of api processes that share the database; 1 by default. */
  readonly replicas?: number;
  /** Environment variables of the api, on top of those that point it at the emulator. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly emulator?: Partial<EmulatorOptions>;
}

/** Where the emulator is in a run with `TEST_EGRESS_PROXY`: only the proxy knows the name. */
export const PROXIED_HOST = 'azure.test';

/** Deadlines that a busy machine meets. A spec about a deadline sets its own. */
export const relaxedTimeouts = {
  ACS_TIMEOUT_MS: '12000',
  AUDIT_TIMEOUT_MS: '12000',
  DATABASE_TIMEOUT_MS: '10000',
  KEY_VAULT_TIMEOUT_MS: '10000',
} as const;

/** Of all emulators of this process, which would otherwise create two RSA keys each. */
let emulatorKeys: Promise<EmulatorKeys> | undefined;

/** A person or an app of the emulator's sample directory. */
export type SampleCaller = keyof typeof SAMPLE_PEOPLE | keyof typeof SAMPLE_APPS;

/** The whole service: built api processes, a database of their own and the emulator, over real sockets. */
export class Service {
  /** Lines that the api processes wrote to standard output and standard error. */
  readonly logLines: string[] = [];
  /** Its forbidden values must not occur in `logLines`; `stop` checks it. */
  readonly scanner = new SecretScanner();
  readonly apis: ApiProcess[] = [];
  #pool: pg.Pool | undefined;

  private constructor(
    readonly emulator: Emulator,
    readonly database: TestDatabase,
    private readonly directory: string,
    /** Of its api processes. */
    readonly environment: Readonly<Record<string, string | undefined>>,
  ) {}

  /** Starts everything on free ports. Call `stop` at the end. */
  static async start(options: ServiceOptions): Promise<Service> {
    const directory = await mkdtemp(join(tmpdir(), 'acs-identity-service-'));
    const egressProxy = process.env.TEST_EGRESS_PROXY_URL;
    emulatorKeys ??= createEmulatorKeys();
    const keys = await emulatorKeys;
    const [emulator, database] = await Promise.all([
      startEmulator({
        directory: join(directory, 'emulator'),
        keys,
        ...(egressProxy !== undefined && { publicHost: PROXIED_HOST }),
        ...options.emulator,
      }),
      cloneDatabase(options.cluster),
    ]);
    const service = new Service(emulator, database, directory, {
      PATH: process.env.PATH,
      ...compileCache,
      ...apiEnvironment(emulator, database.serviceUrl),
      PORT: '0',
      LOG_LEVEL: 'debug',
      ...relaxedTimeouts,
      HTTPS_PROXY: egressProxy,
      ...options.environment,
    });
    for (const { accessKey, connectionString } of emulator.acsResources) {
      service.scanner.forbid(accessKey, connectionString);
    }
    service.scanner.forbid(service.environment.AZURE_CLIENT_SECRET ?? '');
    try {
      for (let n = 0; n < (options.replicas ?? 1); n += 1) await service.addApi();
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  /**
   * Starts another api process on the same database.
   *
   * @param program file to run; the bundle that production runs by default
   */
  async addApi(
    environment: Readonly<Record<string, string | undefined>> = {},
    program?: string,
  ): Promise<ApiProcess> {
    const api = await startApi(
      { ...this.environment, ...environment },
      { onLine: (line) => void this.logLines.push(line), ...(program && { program }) },
    );
    this.apis.push(api);
    return api;
  }

  /** Base URL of the first api process. */
  get url(): string {
    return this.urlOf(0);
  }

  /** Base URL of an api process, in the order in which they were started. */
  urlOf(replica: number): string {
    const api = this.apis[replica];
    if (!api) throw new Error(`api process ${replica} has not been started`);
    return api.url;
  }

  /** An Entra access token of a sample person or app. */
  async token(who: SampleCaller): Promise<string> {
    return this.emulator.control.mintToken(
      who in SAMPLE_PEOPLE
        ? { person: who as keyof typeof SAMPLE_PEOPLE } // narrowed by the line above
        : { app: who as keyof typeof SAMPLE_APPS },
    );
  }

  /**
   * Replaces ACS's access key and stores the new connection string in the vault. Tokens that ACS
   * issued before are invalid from then on.
   *
   * @returns the version of the secret
   */
  async rotateAcsKey(): Promise<string> {
    const { control } = this.emulator;
    const { connectionString } = await control.regenerateAcsKey();
    if (connectionString === undefined) throw new Error('ACS returned no connection string');
    this.scanner.forbid(connectionString);
    return control.setSecret({ name: 'acs-connection-string', value: connectionString });
  }

  /** Queries the service's database as the superuser. */
  async rows<Row extends pg.QueryResultRow>(
    sql: string,
    parameters: unknown[] = [],
  ): Promise<Row[]> {
    // A spec that stops the server closes idle connections; the next query opens a new one.
    this.#pool ??= new pg.Pool({ connectionString: this.database.superuserUrl, max: 4 }).on(
      'error',
      () => undefined,
    );
    return (await this.#pool.query<Row>(sql, parameters)).rows;
  }

  /** Keeps the locks of a statement while `meanwhile` runs: its transaction stays open until then. */
  async hold(sql: string, meanwhile: () => Promise<void>): Promise<void> {
    const client = new pg.Client({ connectionString: this.database.superuserUrl });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query(sql);
      await meanwhile();
    } finally {
      await client.end();
    }
  }

  /** All audit entries, oldest first, parsed from their canonical JSON. */
  async auditEntries(): Promise<AuditEntry[]> {
    const rows = await this.rows<{ leaf: Buffer }>(
      'SELECT leaf FROM audit_entry ORDER BY entry_index',
    );
    return rows.map(({ leaf }) => JSON.parse(leaf.toString('utf8')) as AuditEntry);
  }

  /** The newest audit entry but of secrets, start-up and rejected credentials, which are recorded at any time. */
  async newestEntry(): Promise<AuditEntry | undefined> {
    return (await this.auditEntries()).findLast(
      ({ action }) => !/^(secret|configuration|authentication)\./.test(action),
    );
  }

  /**
   * Stops everything and removes its files and its database.
   *
   * @throws when the api processes logged a secret or a token, or Node wrote a warning
   */
  async stop(): Promise<void> {
    await Promise.all(this.apis.map(async (api) => api.stop()));
    await this.#pool?.end();
    await this.emulator.stop();
    await this.database.close();
    await rm(this.directory, { recursive: true, force: true });
    this.scanner.assertClean('the log', this.logLines);
    const warning = this.logLines.find((line) => /^\(node:\d+\)/.test(line));
    if (warning !== undefined) throw new Error(`a warning of Node: ${warning}`);
  }
}

/** The members of an audit entry that tests read; docs/audit-log.md describes all of them. */
export interface AuditEntry {
  readonly id: string;
  readonly action: string;
  readonly outcome: string;
  readonly actor: {
    readonly kind: string;
    readonly subject?: string;
    readonly tenant?: string;
    readonly tokenId?: string;
  };
  readonly reason?: { readonly code: string; readonly detail?: string };
  readonly target?: { readonly communicationUserId?: string; readonly subject?: string };
  readonly token?: { readonly fingerprint: string; readonly scopes: readonly string[] };
  readonly request?: { readonly id: string };
  readonly upstream?: { readonly secretVersion?: string; readonly correlationVector?: string };
  readonly personal?: Readonly<Record<string, string>>;
  readonly details?: Readonly<Record<string, unknown>>;
}
