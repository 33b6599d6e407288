import type { EntityManager } from 'typeorm';
import { type Tile, type TileAddress, type Appended, TILE_WIDTH } from '#libs/transparency-log';
import { bigintArray, bytesArray, textArray } from './binary-array.js';
import type { EncodedEntry } from './encode-entry.js';

/** The newest row of the log's heads. */
export interface LogHead {
  readonly size: number;
  readonly root: Buffer;
  readonly recordedAtMs: number;
}

/** Everything that one commit adds. */
export interface LogAddition {
  readonly fromSize: number;
  readonly entries: readonly EncodedEntry[];
  readonly leafHashes: readonly Buffer[];
  readonly appended: Appended;
  readonly root: Buffer;
  readonly checkpoint: string;
}

const hashBytes = 32;

/** Takes the log's lock for the rest of the transaction. @returns `undefined` for an empty log */
export async function lockHead(
  transaction: EntityManager,
  timeoutMs: number,
): Promise<LogHead | undefined> {
  const [row] = await transaction.query<{ size: string; root: Buffer; recorded_at: Date }[]>(
    'SELECT size, root, recorded_at FROM audit_lock_head($1)',
    [timeoutMs],
  );
  return row && headOf(row);
}

/** The leaf hashes with indexes from `from` up to and without `end`, as the heads keep them. */
export async function readLeafHashes(
  manager: EntityManager,
  from: number,
  end: number,
): Promise<Buffer> {
  const rows = await manager.query<{ from_size: string; leaf_hashes: Buffer }[]>(
    `SELECT from_size, leaf_hashes FROM audit_head
     WHERE size > $1 AND from_size < $2 ORDER BY size`,
    [from, end],
  );
  const first = Number(rows[0]?.from_size ?? from);
  const hashes = Buffer.concat(rows.map((row) => row.leaf_hashes));
  return hashes.subarray((from - first) * hashBytes, (end - first) * hashBytes);
}

/**
 * Reads a tile, full or partial, of any tree that the log ever had. Shorter when there is less.
 * One question to the server: a proof takes several tiles, and a partial one is stored elsewhere.
 */
export async function readTile(
  manager: EntityManager,
  { level, index, width }: TileAddress,
): Promise<Buffer> {
  const from = index * TILE_WIDTH;
  const [row] = await manager.query<{ hashes: Buffer | null }[]>(
    `SELECT coalesce(
       (SELECT hashes FROM audit_tile WHERE level = $1::integer AND tile_index = $2::bigint),
       (${level === 0 ? leafHashesSql : rootsBelowSql})
     ) AS hashes`,
    [level, index, from, from + width],
  );
  return row?.hashes?.subarray(0, width * hashBytes) ?? Buffer.of();
}

const leafHashesSql = `
  SELECT substring(string_agg(leaf_hashes, '' ORDER BY size)
    FROM (${hashBytes} * ($3::bigint - min(from_size)))::integer + 1)
  FROM audit_head WHERE size > $3::bigint AND from_size < $4::bigint`;

const rootsBelowSql = `
  SELECT string_agg(root, '' ORDER BY tile_index) FROM audit_tile
  WHERE level = $1::integer - 1 AND tile_index >= $3::bigint AND tile_index < $4::bigint`;

/** Adds the head of entries that were added, with the tiles that they filled. */
export async function insertHead(transaction: EntityManager, addition: LogAddition): Promise<void> {
  const { fromSize, entries, appended, root, checkpoint, leafHashes } = addition;
  const { completedTiles: tiles, frontier } = appended;
  const keys = fingerprintKeys(addition);
  await transaction.query(insertSql, [
    bigintArray(tiles.map(({ level }) => level)),
    bigintArray(tiles.map(({ index }) => index)),
    bytesArray(tiles.map(({ hashes }) => hashes)),
    bytesArray(tiles.map((tile) => rootOf(tile, appended))),
    textArray([...keys.keys()]),
    bigintArray([...keys.values()]),
    frontier.size,
    fromSize,
    root,
    new Date(entries.at(-1)?.recordedAtMs ?? 0).toISOString(),
    Buffer.concat(leafHashes),
    checkpoint,
  ]);
}

const insertSql = `
  WITH tile AS (
    INSERT INTO audit_tile (level, tile_index, hashes, root)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])
  ), fingerprint_key AS (
    INSERT INTO audit_fingerprint_key (id, first_index)
    SELECT * FROM unnest($5::text[], $6::bigint[])
    ON CONFLICT DO NOTHING
  )
  INSERT INTO audit_head (size, from_size, root, recorded_at, leaf_hashes, checkpoint)
  VALUES ($7, $8, $9, $10, $11, $12)`;

/** A full tile's root is a hash of the tile above it, which the append has just put there. */
export function rootOf({ level, index }: Tile, { frontier, completedTiles }: Appended): Buffer {
  const above = [...completedTiles, ...frontier.partialTiles].find(
    (tile) => tile.level === level + 1 && tile.index === Math.floor(index / TILE_WIDTH),
  );
  const offset = (index % TILE_WIDTH) * hashBytes;
  const root = above?.hashes.subarray(offset, offset + hashBytes);
  if (root?.length !== hashBytes) throw new Error('a full tile has no hash in the tile above it');
  return root;
}

function fingerprintKeys({ entries, fromSize }: LogAddition): Map<string, number> {
  const keys = new Map<string, number>();
  entries.forEach(({ entry }, nth) => {
    const id = entry.token?.fingerprintKey;
    if (id !== undefined && !keys.has(id)) keys.set(id, fromSize + nth);
  });
  return keys;
}

function headOf(row: { size: string; root: Buffer; recorded_at: Date }): LogHead {
  return { size: Number(row.size), root: row.root, recordedAtMs: row.recorded_at.getTime() };
}
