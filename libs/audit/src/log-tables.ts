import type { EntityManager } from 'typeorm';
import { type Tile, type TileAddress, type Appended, tileWidth } from '#libs/transparency-log';
import { bigintArray, bytesArray, textArray, timeArray } from './binary-array.js';
import type { EncodedEntry } from './encode-entry.js';
import { entryColumnNames, entryColumns } from './entry-columns.js';

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

/** Reads a tile, full or partial, of any tree that the log ever had. Shorter when there is less. */
export async function readTile(
  manager: EntityManager,
  { level, index, width }: TileAddress,
): Promise<Buffer> {
  const [full] = await manager.query<{ hashes: Buffer }[]>(
    'SELECT hashes FROM audit_tile WHERE level = $1 AND tile_index = $2',
    [level, index],
  );
  if (full) return full.hashes.subarray(0, width * hashBytes);
  const from = index * tileWidth;
  if (level === 0) return readLeafHashes(manager, from, from + width);
  const roots = await manager.query<{ root: Buffer }[]>(
    `SELECT root FROM audit_tile
     WHERE level = $1 AND tile_index >= $2 AND tile_index < $3 ORDER BY tile_index`,
    [level - 1, from, from + width],
  );
  return Buffer.concat(roots.map(({ root }) => root));
}

/** Adds entries, their personal values, full tiles and the new head, in one statement. */
export async function insertAddition(
  transaction: EntityManager,
  addition: LogAddition,
): Promise<void> {
  const { fromSize, entries, appended, root, checkpoint, leafHashes } = addition;
  const columns = entries.map(({ entry }) => entryColumns(entry));
  const personal = entries.flatMap((entry, nth) =>
    entry.personal.map((values) => ({ ...values, nth, recordedAtMs: entry.recordedAtMs })),
  );
  const keys = fingerprintKeys(addition);
  await transaction.query(insertSql, [
    bigintArray(entries.map((_, nth) => fromSize + nth)),
    timeArray(entries.map(({ recordedAtMs }) => recordedAtMs)),
    bytesArray(
      'uuid',
      entries.map(({ id }) => id),
    ),
    bytesArray(
      'bytea',
      entries.map(({ leaf }) => leaf),
    ),
    ...entryColumnNames.map((name) => textArray(columns.map((row) => row[name]))),
    bigintArray(personal.map(({ nth }) => fromSize + nth)),
    timeArray(personal.map(({ recordedAtMs }) => recordedAtMs)),
    textArray(personal.map(({ whose }) => whose)),
    textArray(personal.map(({ clientAddress }) => clientAddress)),
    textArray(personal.map(({ userAgent }) => userAgent)),
    textArray(personal.map(({ displayName }) => displayName)),
    bytesArray(
      'bytea',
      personal.map(({ salts }) => salts),
    ),
    bigintArray(appended.completedTiles.map(({ level }) => level)),
    bigintArray(appended.completedTiles.map(({ index }) => index)),
    bytesArray(
      'bytea',
      appended.completedTiles.map(({ hashes }) => hashes),
    ),
    bytesArray(
      'bytea',
      appended.completedTiles.map((tile) => rootOf(tile, appended)),
    ),
    textArray([...keys.keys()]),
    bigintArray([...keys.values()]),
    appended.edge.size,
    fromSize,
    root,
    new Date(entries.at(-1)?.recordedAtMs ?? 0).toISOString(),
    Buffer.concat(leafHashes),
    checkpoint,
  ]);
}

const names = entryColumnNames.join(', ');
const place = (count: number, from: number, type: string): string =>
  Array.from({ length: count }, (_, nth) => `$${from + nth}::${type}[]`).join(', ');
const next = 5 + entryColumnNames.length;
const insertSql = `
  WITH entry AS (
    INSERT INTO audit_entry (entry_index, recorded_at, id, leaf, ${names})
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::uuid[], $4::bytea[],
      ${place(entryColumnNames.length, 5, 'text')})
  ), personal AS (
    INSERT INTO audit_personal
      (entry_index, recorded_at, whose, client_address, user_agent, display_name, salts)
    SELECT * FROM unnest($${next}::bigint[], $${next + 1}::timestamptz[],
      ${place(4, next + 2, 'text')}, $${next + 6}::bytea[])
  ), tile AS (
    INSERT INTO audit_tile (level, tile_index, hashes, root)
    SELECT * FROM unnest(${place(2, next + 7, 'bigint')}, ${place(2, next + 9, 'bytea')})
  ), fingerprint_key AS (
    INSERT INTO audit_fingerprint_key (id, first_index)
    SELECT * FROM unnest($${next + 11}::text[], $${next + 12}::bigint[])
    ON CONFLICT DO NOTHING
  )
  INSERT INTO audit_head (size, from_size, root, recorded_at, leaf_hashes, checkpoint)
  VALUES ($${next + 13}, $${next + 14}, $${next + 15}, $${next + 16}, $${next + 17}, $${next + 18})`;

/** A full tile's root is a hash of the tile above it, which the append has just put there. */
export function rootOf({ level, index }: Tile, { edge, completedTiles }: Appended): Buffer {
  const above = [...completedTiles, ...edge.partialTiles].find(
    (tile) => tile.level === level + 1 && tile.index === Math.floor(index / tileWidth),
  );
  const offset = (index % tileWidth) * hashBytes;
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
