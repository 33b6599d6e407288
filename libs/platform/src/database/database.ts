import type { Pool } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { traced } from '../telemetry/traced.js';
import { asDatabaseUnavailable } from './sqlstate.js';
import { statementSpan, TRANSACTION_SPAN } from './statement-span.js';

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
  /** By the name of the prepared statement. */
  readonly #executions = new Map<string, number>();

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
    return traced(...TRANSACTION_SPAN, async () => {
      try {
        const { manager } = await this.#connected();
        return await manager.transaction(work);
      } catch (error) {
        throw asDatabaseUnavailable(error);
      }
    });
  }

  /** Runs one SQL statement outside a transaction. */
  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return traced(...statementSpan(sql), async () =>
      this.run(async (manager) => manager.query<Row[]>(sql, [...parameters])),
    );
  }

  /**
   * Runs a hot statement outside a transaction: the server keeps it, with its plan, for each connection. A
   * plan from a time when a table was nearly empty is slow later, and the server keeps it until it analyzes
   * the table. So the statement is prepared again, under another name, whenever it was executed twice as
   * often as before.
   *
   * @param name of this text, unique in the process, 60 bytes at most
   */
  async queryPrepared<Row>(
    name: string,
    text: string,
    parameters: readonly unknown[],
  ): Promise<Row[]> {
    return traced(...statementSpan(text), async () => {
      try {
        const { driver } = await this.#connected();
        const { master } = driver as unknown as { readonly master: Pool }; // TypeORM's driver is pg
        const values = [...parameters];
        const { rows } = await master.query({ name: this.#preparedName(name), text, values });
        return rows as Row[]; // the caller knows the columns of its statement
      } catch (error) {
        throw asDatabaseUnavailable(error);
      }
    });
  }

  #preparedName(name: string): string {
    const executions = (this.#executions.get(name) ?? 0) + 1;
    this.#executions.set(name, executions);
    return `${name}_${Math.floor(Math.log2(executions))}`;
  }

  async #connected(): Promise<DataSource> {
    if (this.dataSource.isInitialized) return this.dataSource;
    this.#connecting ??= this.dataSource.initialize().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }
}
