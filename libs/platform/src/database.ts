import {
  type DataSource,
  type EntityManager,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';
import { DatabaseUnavailable } from './database-unavailable.js';

/** Statements inside one transaction. */
export type Transaction = EntityManager;

/**
 * The way to PostgreSQL: connects on first use, so that the process lives through an outage, and
 * turns every outage into `DatabaseUnavailable`. Violated constraints pass through unchanged.
 */
export class Database {
  #connecting: Promise<DataSource> | undefined;

  constructor(private readonly dataSource: DataSource) {}

  /** Runs statements outside a transaction. */
  async run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      const { manager } = await this.#connected();
      return await work(manager);
    } catch (error) {
      throw translated(error);
    }
  }

  /** Runs statements in one transaction, which is rolled back when `work` rejects. */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    try {
      const { manager } = await this.#connected();
      return await manager.transaction(work);
    } catch (error) {
      throw translated(error);
    }
  }

  /** Runs one plain SQL statement, for hot paths. */
  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.run(async (manager) => manager.query<Row[]>(sql, [...parameters]));
  }

  async #connected(): Promise<DataSource> {
    if (this.dataSource.isInitialized) return this.dataSource;
    this.#connecting ??= this.dataSource.initialize().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }
}

/** SQLSTATE classes and codes that tell of a server that can't serve now, whoever asks. */
const OUTAGE = /^(08|53|57|58|XX|28|3D)|^(40001|40P01|55P03|25006|25P02|25P03|42P01|42703|42501)$/;

function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const cause =
    'driverError' in error && error.driverError instanceof Error ? error.driverError : error;
  return isOutage(cause) || isCut(error) ? new DatabaseUnavailable({ cause }) : error;
}

/** A connection that was cut between two statements of a transaction: TypeORM tells it at the second. */
function isCut(error: Error): boolean {
  return (
    error instanceof QueryRunnerAlreadyReleasedError ||
    error instanceof QueryRunnerProviderAlreadyReleasedError
  );
}

function isOutage(error: Error): boolean {
  if (error instanceof AggregateError) return error.errors.some((inner: Error) => isOutage(inner));
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code)) return OUTAGE.test(code);
  if (code !== undefined && /^E[A-Z]+$|^ERR_TLS|^CERT_|_CERT/.test(code)) return true;
  return /connection terminated|timeout|not queryable|cannot use a pool|driver not connected/i.test(
    error.message,
  );
}
