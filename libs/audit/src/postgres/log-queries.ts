// The statements that read heads, leaf hashes and tiles. Entries are read by `query/entry-repository`.
import type { Database } from '#libs/platform';
import { HASH_BYTES, type TileAddress, type TileReader, TILE_WIDTH } from '#libs/transparency-log';

/** Runs one statement: of the pool, of a transaction or of the log's own connection. */
export interface LogQuery {
  query<T>(sql: string, parameters?: unknown[]): Promise<T>;
}

/** A size of the log for which a checkpoint was signed and committed. */
export interface SignedHead {
  readonly size: number;
  readonly checkpoint: string;
}

/**
 * Reads a head with its checkpoint as it was signed at the commit.
 *
 * @param size default: the newest head
 * @returns `undefined` for an empty log, or when no commit ended at this size
 */
export async function readSignedHead(
  database: Database,
  size?: number,
): Promise<SignedHead | undefined> {
  const [row] = await database.query<{ size: string; checkpoint: string }>(
    `SELECT size, checkpoint FROM audit_head
     ${size === undefined ? '' : 'WHERE size = $1'} ORDER BY size DESC LIMIT 1`,
    size === undefined ? [] : [size],
  );
  return row && { size: Number(row.size), checkpoint: row.checkpoint };
}

/** SQL: sizes that a log can have. A row of `audit_head` with another one is no head of the log. */
export const IS_SIZE = `size BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}`;

/** Reads how many entries the log has; no signature is verified for it. */
export async function logSize(query: LogQuery): Promise<number> {
  const [row] = await query.query<{ size: string | null }[]>(
    `SELECT max(size) AS size FROM audit_head WHERE ${IS_SIZE}`,
  );
  return Number(row?.size ?? 0);
}

/** Reads the leaf hashes from index `from` up to, but not including, `end`. */
export async function readLeafHashes(
  manager: LogQuery,
  from: number,
  end: number,
): Promise<Buffer[]> {
  const rows = await manager.query<{ from_size: string; leaf_hashes: Buffer }[]>(
    `SELECT from_size, leaf_hashes FROM audit_head
     WHERE size > $1 AND from_size < $2 ORDER BY size`,
    [from, end],
  );
  const first = Number(rows[0]?.from_size ?? from);
  const hashes = Buffer.concat(rows.map((row) => row.leaf_hashes));
  return splitHashes(hashes.subarray((from - first) * HASH_BYTES, (end - first) * HASH_BYTES));
}

/**
 * Reads a tile, full or partial, of any size that the log has or had. Shorter when the log is.
 *
 * One statement, because a proof takes several tiles: full tiles are stored; partial ones are put
 * together from leaf hashes or from the roots of the tiles below.
 */
export async function readTile(
  manager: LogQuery,
  { level, index, width }: TileAddress,
): Promise<Buffer> {
  const from = index * TILE_WIDTH;
  const [row] = await manager.query<{ hashes: Buffer | null }[]>(
    `SELECT coalesce(
       (SELECT hashes FROM audit_tile WHERE level = $1::integer AND tile_index = $2::bigint),
       (${level === 0 ? LEAF_HASHES : ROOTS_BELOW})
     ) AS hashes`,
    [level, index, from, from + width],
  );
  return row?.hashes?.subarray(0, width * HASH_BYTES) ?? Buffer.of();
}

/** Reads the tiles of a proof over one connection, which takes one statement after the other. */
export function tilesOver(connection: LogQuery): TileReader {
  let previous: Promise<unknown> = Promise.resolve();
  return async (address) => {
    const tile = previous.then(async () => readTile(connection, address));
    previous = tile.catch(() => undefined); // the next one is read all the same
    return tile;
  };
}

const LEAF_HASHES = `
  SELECT substring(string_agg(leaf_hashes, '' ORDER BY size)
    FROM (${HASH_BYTES} * ($3::bigint - min(from_size)))::integer + 1)
  FROM audit_head WHERE size > $3::bigint AND from_size < $4::bigint`;

const ROOTS_BELOW = `
  SELECT string_agg(root, '' ORDER BY tile_index) FROM audit_tile
  WHERE level = $1::integer - 1 AND tile_index >= $3::bigint AND tile_index < $4::bigint`;

/** The same memory as a Buffer, which PostgreSQL's driver takes. */
export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Splits concatenated hashes, as heads and tiles store them. */
export function splitHashes(hashes: Uint8Array): Buffer[] {
  const bytes = bufferOf(hashes);
  return Array.from({ length: Math.floor(bytes.length / HASH_BYTES) }, (_, nth) =>
    bytes.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES),
  );
}
