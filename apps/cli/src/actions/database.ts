import { DataSource } from 'typeorm';
import { Database, dataSourceOptions, parseDatabaseAddress } from '#libs/platform';

/** Longer than any statement of a verification takes. */
const TIMEOUT_MS = 120_000;

/** @throws unless the text is the address of a PostgreSQL database */
export function requirePostgresUrl(text: string): string {
  try {
    parseDatabaseAddress(text);
    return text;
  } catch (error) {
    const example = 'postgres://user:password@host:5432/database';
    throw new Error(`--database-url ${(error as Error).message}. It is like ${example}.`); // of `InvalidDatabaseAddress`
  }
}

/**
 * Opens a database without the service's settings, for commands that only read.
 *
 * @param timeoutMs of a statement
 */
export async function withDatabase<T>(
  url: string,
  work: (database: Database) => Promise<T>,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const options = { url: requirePostgresUrl(url), poolSize: 2, timeoutMs };
  const dataSource = new DataSource(dataSourceOptions(options));
  try {
    return await work(new Database(dataSource));
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
