import { DataSource } from 'typeorm';
import { Database, dataSourceOptions } from '#libs/platform';

/** Longer than any statement of a verification takes. */
const timeoutMs = 120_000;

/** Opens a database without the service's settings, for commands that only read. */
export async function withDatabase<T>(
  url: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const dataSource = new DataSource(dataSourceOptions({ url, poolSize: 2, timeoutMs }));
  try {
    return await work(new Database(dataSource));
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
