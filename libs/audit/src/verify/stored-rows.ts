import { ENTRY_COLUMN_NAMES, type EntryColumns } from '../entry/entry-columns.js';

/** Runs a statement in the snapshot that is being verified. */
export type Query = <Row>(sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** A row of `audit_entry`. Times are PostgreSQL's text in UTC, because a Date would drop microseconds. */
export interface StoredEntry extends EntryColumns {
  readonly index: number;
  readonly at: string;
  readonly id: string;
  readonly leaf: Buffer;
  readonly personal: readonly StoredPersonal[];
}

/** A row of `audit_personal`. */
export interface StoredPersonal {
  readonly index: number;
  readonly at: string;
  readonly whose: string;
  readonly client_address: string | null;
  readonly user_agent: string | null;
  readonly display_name: string | null;
  readonly salts: Buffer;
}

/** A position in the order in which rows are read. */
export interface Position {
  readonly at: string;
  /** A text where it may be greater than a number can say exactly. */
  readonly index: number | string;
}

/** PostgreSQL's text of an RFC 3339 time with milliseconds. */
export function storedTime(time: string): string {
  return time
    .replace('T', ' ')
    .replace('Z', '')
    .replace(/\.?0+$/, '');
}

const PAGE_SIZE = 2000;
const HEAD_PAGE_SIZE = 200;
const AT = `(recorded_at AT TIME ZONE 'UTC')::text AS at`;
const POSITION = `($1::timestamp AT TIME ZONE 'UTC', $2::bigint)`;
const UNTIL = `AND (recorded_at, entry_index) <= ($3::timestamp AT TIME ZONE 'UTC', $4::bigint)`;
/** The first that the table can hold, also with rows that the log never had. */
const START: Position = { at: '-infinity', index: '-9223372036854775808' };

/**
 * Reads entries with their personal values, in the order of time and index.
 *
 * @param until the last position. Default: all entries
 * @param onStray receives personal rows without an entry
 */
export async function* storedEntries(
  query: Query,
  from: Position | undefined,
  onStray: (row: StoredPersonal) => void,
  until?: Position,
): AsyncGenerator<StoredEntry, undefined> {
  let position = from ?? START;
  for (;;) {
    const rows = await query<Omit<StoredEntry, 'index' | 'personal'> & { entry_index: string }>(
      `SELECT entry_index, ${AT}, id, leaf, ${ENTRY_COLUMN_NAMES.join(', ')} FROM audit_entry
       WHERE ${after(position)} ${until ? UNTIL : ''} ORDER BY recorded_at, entry_index LIMIT ${PAGE_SIZE}`,
      [position.at, position.index, ...(until ? [until.at, until.index] : [])],
    );
    const last = rows.at(-1);
    const isLast = rows.length < PAGE_SIZE || !last;
    const end = isLast ? undefined : { at: last.at, index: last.entry_index };
    const personal = await storedPersonal(query, position, end ?? until);
    const byPosition = Map.groupBy(personal, (row) => `${row.at} ${row.index}`);
    for (const row of rows) {
      const key = `${row.at} ${row.entry_index}`;
      yield { ...row, index: Number(row.entry_index), personal: byPosition.get(key) ?? [] };
      byPosition.delete(key);
    }
    [...byPosition.values()].flat().forEach(onStray);
    if (!end) return undefined;
    position = end;
  }
}

function after(position: Position): string {
  return `(recorded_at, entry_index) ${position === START ? '>=' : '>'} ${POSITION}`;
}

async function storedPersonal(
  query: Query,
  from: Position,
  end: Position | undefined,
): Promise<StoredPersonal[]> {
  const rows = await query<Omit<StoredPersonal, 'index'> & { entry_index: string }>(
    `SELECT entry_index, ${AT}, whose, client_address, user_agent, display_name, salts
     FROM audit_personal WHERE ${after(from)} ${end ? UNTIL : ''} ORDER BY recorded_at, entry_index, whose`,
    [from.at, from.index, ...(end ? [end.at, end.index] : [])],
  );
  return rows.map((row) => ({ ...row, index: Number(row.entry_index) }));
}

/** A row of `audit_head`. */
export interface StoredHead {
  readonly size: number;
  readonly from: number;
  readonly root: Buffer;
  readonly at: string;
  readonly leafHashes: Buffer;
  readonly checkpoint: string;
}

/** Reads the heads above a size and up to another one, smallest first. */
export async function* storedHeads(
  query: Query,
  above: number,
  until?: number,
): AsyncGenerator<StoredHead> {
  // A row that ends before the log begins is none of it.
  for (let size = above === 0 ? '-9223372036854775808' : String(above); ;) {
    const rows = await query<{
      size: string;
      from_size: string;
      root: Buffer;
      at: string;
      leaf_hashes: Buffer;
      checkpoint: string;
    }>(
      `SELECT size, from_size, root, ${AT}, leaf_hashes, checkpoint
       FROM audit_head WHERE size > $1 AND size <= $2 ORDER BY size LIMIT ${HEAD_PAGE_SIZE}`,
      [size, until ?? '9223372036854775807'],
    );
    for (const row of rows) {
      yield {
        size: Number(row.size),
        from: Number(row.from_size),
        root: row.root,
        at: row.at,
        leafHashes: row.leaf_hashes,
        checkpoint: row.checkpoint,
      };
    }
    const last = rows.at(-1);
    if (!last || rows.length < HEAD_PAGE_SIZE) return;
    size = last.size;
  }
}
