// The statements that append to the log, in the order in which the sequencer runs them in one
// transaction: the lock of the head, COPY of entries, COPY of their personal values, and INSERT of the
// new head with the tiles and fingerprint keys that came with it. No other file writes these tables.
import type { Transaction } from '#libs/platform';
import { type Appended, HASH_BYTES, type Tile, TILE_WIDTH } from '#libs/transparency-log';
import type { EncodedEntry } from '../entry/encode-entry.js';
import { ENTRY_COLUMN_NAMES, entryColumns } from '../entry/entry-columns.js';
import { bigintArray, bytesArray, textArray } from './binary-array.js';
import { copyRows, type RowCopy } from './binary-copy.js';
import { BinaryRowWriter } from './binary-row-writer.js';

/** The newest head. */
export interface LogHead {
  readonly size: number;
  readonly root: Buffer;
  readonly recordedAtMs: number;
}

/** What one append adds besides the entries. */
export interface HeadAddition {
  readonly fromSize: number;
  readonly entries: readonly EncodedEntry[];
  readonly leafHashes: readonly Buffer[];
  readonly appended: Appended;
  readonly root: Buffer;
  readonly checkpoint: string;
}

/**
 * Locks the log until the end of the transaction and reads its head.
 *
 * @returns `undefined` for an empty log
 */
export async function lockHead(
  transaction: Transaction,
  timeoutMs: number,
): Promise<LogHead | undefined> {
  const [row] = await transaction.query<{ size: string; root: Buffer; recorded_at: Date }[]>(
    'SELECT size, root, recorded_at FROM audit_lock_head($1)',
    [timeoutMs],
  );
  return row && { size: Number(row.size), root: row.root, recordedAtMs: row.recorded_at.getTime() };
}

/** Adds entries with consecutive indexes. */
export async function copyEntries(
  transaction: Transaction,
  entries: readonly EncodedEntry[],
  firstIndex: number,
): Promise<RowCopy> {
  const sql = `COPY audit_entry (entry_index, recorded_at, id, leaf, ${ENTRY_COLUMN_NAMES.join(', ')})
    FROM STDIN (FORMAT binary)`;
  const rows = inChunks(entries, ({ entry, id, leaf, recordedAtMs }, nth, writer) => {
    const columns = entryColumns(entry);
    writer.row(4 + ENTRY_COLUMN_NAMES.length);
    writer.bigint(firstIndex + nth);
    writer.time(recordedAtMs);
    writer.bytes(id);
    writer.bytes(leaf);
    for (const name of ENTRY_COLUMN_NAMES) writer.text(columns[name]);
  });
  return copyRows(transaction, sql, rows);
}

/** Encodes the personal values of these entries for `copyPersonalRows`. */
export function personalRows(
  entries: readonly EncodedEntry[],
  firstIndex: number,
): readonly Buffer[] {
  if (entries.every(({ personal }) => personal.length === 0)) return [];
  const chunks = inChunks(entries, ({ personal, recordedAtMs }, nth, writer) => {
    for (const values of personal) {
      writer.row(7);
      writer.bigint(firstIndex + nth);
      writer.time(recordedAtMs);
      writer.text(values.whose);
      writer.text(values.clientAddress);
      writer.text(values.userAgent);
      writer.text(values.displayName);
      writer.bytes(values.salts);
    }
  });
  return [...chunks];
}

/** Adds rows that `personalRows` encoded. */
export async function copyPersonalRows(
  transaction: Transaction,
  rows: readonly Buffer[],
): Promise<void> {
  if (rows.length === 0) return;
  const sql = `COPY audit_personal
    (entry_index, recorded_at, whose, client_address, user_agent, display_name, salts)
    FROM STDIN (FORMAT binary)`;
  const copy = await copyRows(transaction, sql, rows);
  await copy.stored;
}

const INSERT_HEAD = `
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

/** Adds the head that commits to the added entries, and the tiles that they completed. */
export async function insertHead(transaction: Transaction, addition: HeadAddition): Promise<void> {
  const { fromSize, entries, appended, root, checkpoint, leafHashes } = addition;
  const { completedTiles: tiles, frontier } = appended;
  const keys = fingerprintKeys(addition);
  await transaction.query(INSERT_HEAD, [
    bigintArray(tiles.map(({ level }) => level)),
    bigintArray(tiles.map(({ index }) => index)),
    bytesArray(tiles.map(({ hashes }) => hashes)),
    bytesArray(tiles.map((tile) => tileRoot(tile, appended))),
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

/** The root of a completed tile, which is a hash of the tile above it. */
export function tileRoot({ level, index }: Tile, { frontier, completedTiles }: Appended): Buffer {
  const above = [...completedTiles, ...frontier.partialTiles].find(
    (tile) => tile.level === level + 1 && tile.index === Math.floor(index / TILE_WIDTH),
  );
  const offset = (index % TILE_WIDTH) * HASH_BYTES;
  const root = above?.hashes.subarray(offset, offset + HASH_BYTES);
  if (root?.length !== HASH_BYTES) throw new Error('a full tile has no hash in the tile above it');
  return root;
}

/** The keys of the entries' token fingerprints, each with the index of its first use. */
function fingerprintKeys({ entries, fromSize }: HeadAddition): Map<string, number> {
  const keys = new Map<string, number>();
  entries.forEach(({ entry }, nth) => {
    const id = entry.token?.fingerprintKey;
    if (id !== undefined && !keys.has(id)) keys.set(id, fromSize + nth);
  });
  return keys;
}

function* inChunks(
  entries: readonly EncodedEntry[],
  write: (entry: EncodedEntry, nth: number, writer: BinaryRowWriter) => void,
): Generator<Buffer, undefined> {
  const writer = new BinaryRowWriter();
  for (const [nth, entry] of entries.entries()) {
    write(entry, nth, writer);
    if (writer.isFull) yield writer.take();
  }
  writer.end();
  yield writer.take();
  return undefined;
}
