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

/** The newest signed checkpoint, or that of a size; `undefined` when there is none. */
export async function storedCheckpoint(
  database: Database,
  size?: number,
): Promise<string | undefined> {
  const [row] = await database.query<{ checkpoint: string }>(
    `SELECT checkpoint FROM audit_head WHERE size = coalesce($1, size) ORDER BY size DESC LIMIT 1`,
    [size ?? null],
  );
  return row?.checkpoint;
}
