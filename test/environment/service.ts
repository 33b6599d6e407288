import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import {
  type Emulator,
  type EmulatorOptions,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  startEmulator,
} from '../../apps/emulator/src/index.js';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { type ApiProcess, startApi } from '../../apps/local/src/api-process.js';
import { cloneDatabase, type TestCluster, type TestDatabase } from './cluster.js';
import { SecretScanner } from './secret-scanner.js';

export interface ServiceOptions {
  readonly cluster: TestCluster;
  /** How many api processes share the database; 1 unless told otherwise. */
  readonly replicas?: number;
  /** Further or other environment variables of the api. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly emulator?: Partial<EmulatorOptions>;
}

/** Deadlines that no machine misses by being busy. */
export const patience = {
  ACS_TIMEOUT_MS: '12000',
  AUDIT_TIMEOUT_MS: '12000',
  DATABASE_TIMEOUT_MS: '10000',
  KEY_VAULT_TIMEOUT_MS: '10000',
} as const;

type Who = keyof typeof SAMPLE_PEOPLE | keyof typeof SAMPLE_APPS;

/** The whole service as its users meet it: built api processes, a database of their own, the emulator. */
export class Service {
  /** Lines that the api processes logged. */
  readonly logLines: string[] = [];
  readonly scanner = new SecretScanner();
  readonly apis: ApiProcess[] = [];
  #pool: pg.Pool | undefined;

  private constructor(
    readonly emulator: Emulator,
    readonly database: TestDatabase,
    private readonly directory: string,
    private readonly environment: Readonly<Record<string, string | undefined>>,
  ) {}

  /** Starts everything on free ports; `stop` ends it. */
  static async start(options: ServiceOptions): Promise<Service> {
    const directory = await mkdtemp(join(tmpdir(), 'acs-identity-service-'));
    const [emulator, database] = await Promise.all([
      startEmulator({ directory: join(directory, 'emulator'), ...options.emulator }),
      cloneDatabase(options.cluster),
    ]);
    const service = new Service(emulator, database, directory, {
      PATH: process.env.PATH,
      ...apiEnvironment(emulator, database.serviceUrl),
      PORT: '0',
      LOG_LEVEL: 'debug',
      // Busy machines are slow; a spec that is about a deadline sets it itself.
      ...patience,
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
   * Starts one more api process on the same database.
   *
   * @param program another file than the one that production runs
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

  /** Address of the first api process. */
  get url(): string {
    return this.urlOf(0);
  }

  urlOf(replica: number): string {
    const api = this.apis[replica];
    if (!api) throw new Error(`no api process ${replica} runs`);
    return api.url;
  }

  /** An Entra access token of a sample person or app, as sign-in would give it. */
  async token(who: Who): Promise<string> {
    return this.emulator.control.mintToken(
      who in SAMPLE_PEOPLE
        ? { person: who as keyof typeof SAMPLE_PEOPLE } // narrowed by the line above
        : { app: who as keyof typeof SAMPLE_APPS },
    );
  }

  /** Rows of the service's database, read as the superuser. */
  async rows<Row extends pg.QueryResultRow>(
    sql: string,
    parameters: unknown[] = [],
  ): Promise<Row[]> {
    // A test that stops the server cuts idle connections; the next query opens a new one.
    this.#pool ??= new pg.Pool({ connectionString: this.database.superuserUrl, max: 4 }).on(
      'error',
      () => undefined,
    );
    return (await this.#pool.query<Row>(sql, parameters)).rows;
  }

  /** Runs a statement in a transaction that stays open while `meanwhile` runs: to hold locks. */
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

  /** The audit entries, oldest first, as their canonical JSON reads. */
  async auditEntries(): Promise<AuditEntry[]> {
    const rows = await this.rows<{ leaf: Buffer }>(
      'SELECT leaf FROM audit_entry ORDER BY entry_index',
    );
    return rows.map(({ leaf }) => JSON.parse(leaf.toString('utf8')) as AuditEntry);
  }

  /** The newest entry, but for those of secrets and of the start: they come when they come. */
  async newestEntry(): Promise<AuditEntry | undefined> {
    return (await this.auditEntries()).findLast(
      ({ action }) => !/^(secret|configuration)\./.test(action),
    );
  }

  /**
   * Stops everything and removes its traces.
   *
   * @throws when a secret or a token stands in what the api processes logged
   */
  async stop(): Promise<void> {
    await Promise.all(this.apis.map(async (api) => api.stop()));
    await this.#pool?.end();
    await this.emulator.stop();
    await this.database.drop();
    await rm(this.directory, { recursive: true, force: true });
    this.scanner.assertClean('the log', this.logLines);
  }
}

/** What tests read of an entry; docs/audit-log.md describes all of it. */
export interface AuditEntry {
  readonly id: string;
  readonly action: string;
  readonly outcome: string;
  readonly actor: { readonly kind: string; readonly subject?: string; readonly tenant?: string };
  readonly reason?: { readonly code: string; readonly detail?: string };
  readonly target?: { readonly communicationUserId?: string; readonly subject?: string };
  readonly token?: { readonly fingerprint: string; readonly scopes: readonly string[] };
  readonly request?: { readonly id: string };
  readonly upstream?: { readonly secretVersion?: string; readonly correlationVector?: string };
  readonly personal?: Readonly<Record<string, string>>;
}
