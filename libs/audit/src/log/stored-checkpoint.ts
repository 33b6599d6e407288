import type { Database } from '#libs/platform';

/** The signed checkpoint of a size, default the newest; `undefined` when there is none. */
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
