import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type ApiProcess, startApi } from '../../apps/local/src/api-process.js';
import type { LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import type { TestDatabase } from '#libs/platform/testing';
import type { ContenderKind } from '../contenders/contenders.js';
import type { Receipt } from './load.js';
import { backendsOf, childrenOf, cpuMicros, memoryMb, pin } from './process-usage.js';

/** CPU time used so far, in microseconds, and what PostgreSQL has written. */
export interface Usage {
  readonly service: number;
  /** Of PostgreSQL's backends of the contender's database. */
  readonly backends: number;
  /** Of PostgreSQL's other processes: writers of the WAL and of pages, vacuum. */
  readonly otherPostgres: number;
  readonly walBytes: number;
}

/** What a contender runs on. */
export interface ContenderSite {
  readonly postgres: LocalPostgres;
  /** Migrated, and of this contender alone. */
  readonly database: TestDatabase;
  readonly environment: Readonly<Record<string, string>>;
  /** Cores of its processes; absent: all. */
  readonly cores?: readonly number[] | undefined;
  /** For Node, before the program. */
  readonly nodeOptions?: readonly string[];
}

/** The processes of a contender and their database. */
export class RunningContender {
  /** Of the tokens that it has answered with. */
  readonly receipts: Receipt[] = [];
  #isStopped = false;

  private constructor(
    readonly kind: ContenderKind,
    private readonly site: ContenderSite,
    readonly apis: readonly ApiProcess[],
    /** Milliseconds from the start of the first process until it was ready. */
    readonly readyAfterMs: number,
    private readonly client: pg.Client,
  ) {}

  static async start(kind: ContenderKind, site: ContenderSite): Promise<RunningContender> {
    const { database, environment, cores, nodeOptions = [] } = site;
    const startedAt = performance.now();
    // Those of one file create their own tables.
    const databaseUrl = kind.entries === 'table' ? database.ownerUrl : database.serviceUrl;
    const apis: ApiProcess[] = [];
    let readyAfterMs = 0;
    for (let nth = 0; nth < (kind.replicas ?? 1); nth += 1) {
      const api = await startApi(
        { ...environment, DATABASE_URL: databaseUrl, PORT: '0' },
        { nodeOptions, onLine: () => undefined, ...(kind.program && { program: kind.program }) },
      );
      apis.push(api);
      if (nth > 0) continue;
      if (kind.entries !== 'table') await untilReady(api.url);
      readyAfterMs = performance.now() - startedAt;
    }
    for (const { process } of apis) if (cores) await pin(process.pid ?? 0, cores);
    const client = new pg.Client({ connectionString: database.superuserUrl });
    // When it fails, so does the next query.
    client.on('error', () => undefined);
    await client.connect();
    return new RunningContender(kind, site, apis, readyAfterMs, client);
  }

  get urls(): string[] {
    return this.apis.map(({ url }) => url);
  }

  get processIds(): number[] {
    return this.apis.map(({ process }) => process.pid ?? 0);
  }

  async usage(): Promise<Usage> {
    const { postgres, database } = this.site;
    const { rows } = await this.client.query<{ bytes: string }>(
      `SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes`,
    );
    const backends = new Set(backendsOf(postgres.processId, database.name));
    const others = childrenOf(postgres.processId).filter((id) => !backends.has(id));
    return {
      service: cpuMicros(this.processIds),
      backends: cpuMicros([...backends]),
      otherPostgres: cpuMicros(others),
      walBytes: Number(rows[0]?.bytes),
    };
  }

  /** Resident megabytes of its largest process, now and at its highest. */
  memory(): { readonly now: number; readonly peak: number } {
    const all = this.processIds.map(memoryMb);
    return {
      now: Math.max(...all.map(({ now }) => now)),
      peak: Math.max(...all.map(({ peak }) => peak)),
    };
  }

  async rows<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query<Row>(sql, values)).rows;
  }

  /** Ends its processes; the database remains. Safe to repeat. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await Promise.all(this.apis.map(async (api) => api.stop()));
    await this.client.end();
  }
}

async function untilReady(url: string): Promise<void> {
  while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(5);
}
