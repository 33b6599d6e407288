import type { DataSource, EntityManager } from 'typeorm';
import { asDatabaseUnavailable } from './sqlstate.js';

/** Runs statements inside one transaction. */
export type Transaction = EntityManager;

/**
 * The PostgreSQL connection pool. Connects on first use, so that the process survives an outage.
 *
 * Every method throws `DatabaseUnavailable` during an outage, and other errors, such as a violated
 * constraint, unchanged.
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
      throw asDatabaseUnavailable(error);
    }
  }

  /** Runs statements in one transaction. It is rolled back when `work` rejects. */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    try {
      const { manager } = await this.#connected();
      return await manager.transaction(work);
    } catch (error) {
      throw asDatabaseUnavailable(error);
    }
  }

  /** Runs one SQL statement outside a transaction. */
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
