// The statements that append to the log, as steps of a flight: the lock of the head, COPY of entries, COPY
// of their personal values, and INSERT of the new head with the tiles and fingerprint keys that came with
// it. No other file writes these tables.
import { type Appended, HASH_BYTES, type Tile, TILE_WIDTH } from '#libs/transparency-log';
import type { EncodedEntry } from '../entry/encode-entry.js';
import { HeadTimeInvalid } from '../errors.js';
import { ENTRY_COLUMN_NAMES, entryColumns } from '../entry/entry-columns.js';
import { bigintArray, bytesArray, textArray } from './binary-array.js';
import { BinaryRowWriter } from './binary-row-writer.js';
import type { Step, StepRows } from './flight.js';

/** The newest head. */
export interface LogHead {
  readonly size: number;
  readonly root: Buffer;
  /** Of its last entry. */
  readonly recordedAtMs: number;
}

/** What one append adds. */
export interface Addition {
  readonly fromSize: number;
  readonly entries: readonly EncodedEntry[];
  readonly leafHashes: readonly Uint8Array[];
  readonly appended: Appended;
  readonly root: Buffer;
  readonly checkpoint: string;
  /** The verifier keys of the checkpoint's signatures, sorted. */
  readonly signingKeys: readonly string[];
}

/** What a process knows to be stored, so that it need not be added. */
export interface KnownKeys {
  /** Ids of fingerprint keys. */
  readonly fingerprint: ReadonlySet<string>;
  /** The signing keys of the newest head; `undefined` when another process may have added it. */
  readonly signing: readonly string[] | undefined;
}

/** The last one that RFC 3339 can write. */
const MAX_TIME_MS = Date.UTC(9999, 11, 31);

/** What waits for the lock sees what was committed meanwhile. */
export const BEGIN: Step = { name: 'audit_begin', text: 'BEGIN ISOLATION LEVEL READ COMMITTED' };
export const COMMIT: Step = { name: 'audit_commit', text: 'COMMIT' };
export const ROLLBACK: Step = { name: 'audit_rollback', text: 'ROLLBACK' };

/**
 * Locks the log until the end of the transaction and reads its head: `toHead` of the rows.
 *
 * A standby would give the lock too, and an older head. It refuses the id of a transaction (25006), which
 * this asks for first: behind a pooler, or while an address changes, a connection may lead to one.
 */
export function lockHead(timeoutMs: number): Step {
  return {
    name: 'audit_lock_head',
    text: `SELECT size, encode(root, 'hex'), extract(epoch FROM recorded_at) * 1000
           FROM audit_lock_head(CASE WHEN pg_current_xact_id() IS NOT NULL THEN $1::integer END)`,
    parameters: [String(timeoutMs)],
  };
}

/**
 * @returns `undefined` for an empty log
 * @throws HeadTimeInvalid
 */
export function toHead([row]: StepRows): LogHead | undefined {
  if (!row) return undefined;
  const [size, root, time] = row;
  const recordedAtMs = Number(time);
  const isTime = Number.isInteger(recordedAtMs) && recordedAtMs >= 0 && recordedAtMs <= MAX_TIME_MS;
  if (!isTime) throw new HeadTimeInvalid(Number(size));
  return { size: Number(size), root: Buffer.from(root ?? '', 'hex'), recordedAtMs };
}

/** Reads the checkpoint of the newest head: `toCheckpoint` of the rows. */
export const NEWEST_CHECKPOINT: Step = {
  name: 'audit_newest_checkpoint',
  text: 'SELECT checkpoint FROM audit_head ORDER BY size DESC LIMIT 1',
};

/** @returns `undefined` for an empty log */
export function toCheckpoint([row]: StepRows): string | undefined {
  return row?.[0] ?? undefined;
}

/** Sets the timeouts of the transaction. Fails with AU001 when the head is another one. */
export function beginAppend(
  timeoutMs: number,
  { size, root }: Omit<LogHead, 'recordedAtMs'>,
): Step {
  return {
    name: 'audit_begin_append',
    text: 'SELECT audit_begin_append($1, $2, $3)',
    parameters: [String(timeoutMs), String(size), root],
  };
}

/** Locks the log until the end of the transaction. Fails with AU001 when the head is another one. */
export function lockHeadAt({ size, root }: Omit<LogHead, 'recordedAtMs'>): Step {
  return {
    name: 'audit_lock_head_at',
    text: 'SELECT audit_lock_head_at($1, $2)',
    parameters: [String(size), root],
  };
}

/** Reads the root at a size as hexadecimal digits; no row when no commit ended at this size. */
export function rootAt(size: number): Step {
  return {
    name: 'audit_root_at',
    text: `SELECT encode(root, 'hex') FROM audit_head WHERE size = $1`,
    parameters: [String(size)],
  };
}

/** Reads the leaf hashes of a limited number of entries that follow a size: `toLeafHashes` of the rows. */
export function leafHashesAfter(size: number, maxEntries: number): Step {
  return {
    name: 'audit_leaf_hashes_after',
    text: `SELECT encode(leaf_hashes, 'hex') FROM audit_head
           WHERE size > $1 AND size <= $2 ORDER BY size`,
    parameters: [String(size), String(size + maxEntries)],
  };
}

export function toLeafHashes(rows: StepRows): Buffer {
  return Buffer.concat(rows.map(([hashes]) => Buffer.from(hashes ?? '', 'hex')));
}

/** Adds the entries, whose indexes begin at `fromSize`, and their personal values. */
export function copyEntries(entries: readonly EncodedEntry[], fromSize: number): Step[] {
  const steps: Step[] = [
    { name: 'audit_copy_entries', text: COPY_ENTRIES, data: entryRows(entries, fromSize) },
  ];
  if (entries.some(({ personal }) => personal.length > 0)) {
    const data = personalRows(entries, fromSize);
    steps.push({ name: 'audit_copy_personal', text: COPY_PERSONAL, data });
  }
  return steps;
}

/**
 * Adds rows with COPY in its binary format, which costs the server a quarter less than INSERT from
 * arrays: there is nothing to plan and no array to unpack, and whole pages are written.
 */
const COPY_ENTRIES = `
  COPY audit_entry (entry_index, recorded_at, id, leaf, ${ENTRY_COLUMN_NAMES.join(', ')})
  FROM STDIN (FORMAT binary)`;

const COPY_PERSONAL = `
  COPY audit_personal
    (entry_index, recorded_at, whose, client_address, user_agent, display_name, salts)
  FROM STDIN (FORMAT binary)`;

function entryRows(entries: readonly EncodedEntry[], fromSize: number): Buffer[] {
  return inChunks(entries, ({ entry, id, leaf, recordedAtMs }, nth, writer) => {
    const columns = entryColumns(entry);
    writer.row(4 + ENTRY_COLUMN_NAMES.length);
    writer.bigint(fromSize + nth);
    writer.time(recordedAtMs);
    writer.bytes(id);
    writer.bytes(leaf);
    for (const name of ENTRY_COLUMN_NAMES) writer.text(columns[name]);
  });
}

function personalRows(entries: readonly EncodedEntry[], fromSize: number): Buffer[] {
  return inChunks(entries, ({ personal, recordedAtMs }, nth, writer) => {
    for (const values of personal) {
      writer.row(7);
      writer.bigint(fromSize + nth);
      writer.time(recordedAtMs);
      writer.text(values.whose);
      writer.text(values.clientAddress);
      writer.text(values.userAgent);
      writer.text(values.displayName);
      writer.bytes(values.salts);
    }
  });
}

const INSERT_HEAD = `
  INSERT INTO audit_head (size, from_size, root, recorded_at, leaf_hashes, checkpoint)
  VALUES ($1, $2, $3, $4, $5, $6)`;

const INSERT_TILES = `
  INSERT INTO audit_tile (level, tile_index, hashes, root)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])`;

const INSERT_KEYS = `
  INSERT INTO audit_fingerprint_key (id, first_index)
  SELECT * FROM unnest($1::text[], $2::bigint[])
  ON CONFLICT DO NOTHING`;

/** Adds nothing while the keys stay the same. */
const INSERT_SIGNING_KEYS = `
  INSERT INTO audit_signing_keys (from_size, keys)
  SELECT $1::bigint, $2::text[] WHERE $2::text[] IS DISTINCT FROM
    (SELECT keys FROM audit_signing_keys ORDER BY from_size DESC LIMIT 1)`;

/** Adds the head that commits to the added entries, the tiles that they completed, and keys that are new. */
export function insertHead(addition: Addition, known: KnownKeys): Step[] {
  const { fromSize, entries, appended, root, checkpoint, leafHashes, signingKeys } = addition;
  const { completedTiles: tiles, frontier } = appended;
  const keys = [...fingerprintKeys(addition)].filter(([id]) => !known.fingerprint.has(id));
  const steps: Step[] = [];
  if (tiles.length > 0) {
    const parameters = [
      bigintArray(tiles.map(({ level }) => level)),
      bigintArray(tiles.map(({ index }) => index)),
      bytesArray(tiles.map(({ hashes }) => hashes)),
      bytesArray(tiles.map((tile) => tileRoot(tile, appended))),
    ];
    steps.push({ name: 'audit_insert_tiles', text: INSERT_TILES, parameters });
  }
  if (keys.length > 0) {
    const parameters = [
      textArray(keys.map(([id]) => id)),
      bigintArray(keys.map(([, firstIndex]) => firstIndex)),
    ];
    steps.push({ name: 'audit_insert_keys', text: INSERT_KEYS, parameters });
  }
  if (known.signing?.join() !== signingKeys.join()) {
    const parameters = [String(fromSize), textArray(signingKeys)];
    steps.push({ name: 'audit_insert_signing_keys', text: INSERT_SIGNING_KEYS, parameters });
  }
  const parameters = [
    String(frontier.size),
    String(fromSize),
    root,
    new Date(entries.at(-1)?.recordedAtMs ?? 0).toISOString(),
    Buffer.concat(leafHashes),
    checkpoint,
  ];
  steps.push({ name: 'audit_insert_head', text: INSERT_HEAD, parameters });
  return steps;
}

/** The keys of the entries' token fingerprints, each with the index of its first use. */
export function fingerprintKeys({
  entries,
  fromSize,
}: Pick<Addition, 'entries' | 'fromSize'>): Map<string, number> {
  const keys = new Map<string, number>();
  entries.forEach(({ entry }, nth) => {
    const id = entry.token?.fingerprintKey;
    if (id !== undefined && !keys.has(id)) keys.set(id, fromSize + nth);
  });
  return keys;
}

/** The root of a completed tile, which is a hash of the tile above it. */
export function tileRoot(
  { level, index }: Tile,
  { frontier, completedTiles }: Appended,
): Uint8Array {
  const above = [...completedTiles, ...frontier.partialTiles].find(
    (tile) => tile.level === level + 1 && tile.index === Math.floor(index / TILE_WIDTH),
  );
  const offset = (index % TILE_WIDTH) * HASH_BYTES;
  const root = above?.hashes.subarray(offset, offset + HASH_BYTES);
  if (root?.length !== HASH_BYTES) throw new Error('a full tile has no hash in the tile above it');
  return root;
}

function inChunks(
  entries: readonly EncodedEntry[],
  write: (entry: EncodedEntry, nth: number, writer: BinaryRowWriter) => void,
): Buffer[] {
  const writer = new BinaryRowWriter();
  const chunks: Buffer[] = [];
  for (const [nth, entry] of entries.entries()) {
    write(entry, nth, writer);
    if (writer.isFull) chunks.push(writer.take());
  }
  writer.end();
  chunks.push(writer.take());
  return chunks;
}
