import { Injectable } from '@nestjs/common';
import { mapInSlices, ReadingDatabase, uuidV7Time } from '#libs/platform';
import { HASH_BYTES, hashLeaf } from '#libs/transparency-log';
import {
  type AuditEntry,
  type AuditEntryRecord,
  tryParseAuditEntry,
} from '../entry/audit-entry.js';
import { damagedEntry } from '../entry/damaged-entry.js';
import { ENTRY_COLUMN_NAMES, type EntryColumns, entryFromColumns } from '../entry/entry-columns.js';
import { bigintArray, textArray } from '../postgres/binary-array.js';
import { retiredBelowIn } from '../verify/retired-entries.js';
import { ENTRY_ROW } from './search-statement.js';
import { type PersonalRow, shownValues } from './stored-values.js';

/** A row of `audit_entry`. */
export interface EntryRow {
  readonly entry_index: string;
  /** `recorded_at` as PostgreSQL's text, by which the row is found again: a Date would drop microseconds. */
  readonly at: string;
  readonly leaf: Buffer;
}

/** The times between which a range of entries was recorded, for searches to read few partitions. */
export interface TimeSpan {
  readonly from: Date;
  readonly to: Date;
}

/** A row of `audit_personal`, if there is one, with the hash that the log has for its entry. */
interface PersonalValuesRow extends PersonalRow {
  /** Which of the rows it is of, counted from 1. */
  readonly nth: number;
  readonly leaf_hash: Buffer | null;
}

/** A row of `audit_entry` without its bytes. */
interface StoredColumns extends EntryColumns {
  readonly id: string;
  readonly recorded_at: Date;
}

/** Index and time of the newest entry. */
export interface NewestEntry {
  readonly index: number;
  readonly recordedAt: Date;
}

/** Reads entries by id and by index, and their personal values. */
@Injectable()
export class EntryRepository {
  constructor(private readonly database: ReadingDatabase) {}

  /** @returns `undefined` when there is none */
  async byId(id: string): Promise<AuditEntryRecord | undefined> {
    const time = uuidV7Time(id);
    if (time === undefined) return undefined;
    const rows = await this.database.query<EntryRow>(
      `SELECT ${ENTRY_ROW} FROM audit_entry e WHERE recorded_at = $1 AND id = $2`,
      [new Date(time).toISOString(), id],
    );
    return (await this.withPersonalValues(rows))[0];
  }

  /** @returns `undefined` when the log has no such index, or no longer the body of the entry */
  async at(index: number): Promise<AuditEntryRecord | undefined> {
    return (await this.withPersonalValues(await this.byIndex(index, index + 1)))[0];
  }

  /** @returns `undefined` for an empty log */
  async newest(): Promise<NewestEntry | undefined> {
    const [row] = await this.database.query<{ size: string; recorded_at: Date }>(
      'SELECT size, recorded_at FROM audit_head ORDER BY size DESC LIMIT 1',
    );
    return row && { index: Number(row.size) - 1, recordedAt: row.recorded_at };
  }

  /** The rows from index `from` up to, but not including, `end`, in order. Retired ones are missing. */
  async byIndex(from: number, end: number): Promise<EntryRow[]> {
    const span = await this.timeSpanOf(from, end);
    if (!span) return [];
    return this.database.query<EntryRow>(
      `SELECT ${ENTRY_ROW} FROM audit_entry e
       WHERE recorded_at BETWEEN $1 AND $2 AND entry_index >= $3 AND entry_index < $4
       ORDER BY recorded_at, entry_index`,
      [span.from.toISOString(), span.to.toISOString(), from, end],
    );
  }

  /** The index below which entries are retired: only what the log has recorded explains that rows are missing. */
  async retiredBelow(): Promise<number> {
    return retiredBelowIn(async (sql, parameters = []) =>
      this.database.query(sql, [...parameters]),
    );
  }

  /** When the entries from index `from` up to `end` were recorded; `undefined` for an empty log. */
  async timeSpanOf(from: number, end: number): Promise<TimeSpan | undefined> {
    const [row] = await this.database.query<{ from_at: Date | null; to_at: Date | null }>(
      `SELECT (SELECT recorded_at FROM audit_head WHERE size <= $1 ORDER BY size DESC LIMIT 1) AS from_at,
         coalesce((SELECT recorded_at FROM audit_head WHERE size >= $2 ORDER BY size LIMIT 1),
                  (SELECT recorded_at FROM audit_head ORDER BY size DESC LIMIT 1)) AS to_at`,
      [from, end],
    );
    return row?.to_at ? { from: row.from_at ?? new Date(0), to: row.to_at } : undefined;
  }

  /**
   * When an entry was recorded; of one that is no longer there, when its batch was; `undefined` for an empty
   * log.
   */
  async timeOf(index: number): Promise<Date | undefined> {
    const span = await this.timeSpanOf(index, index + 1);
    if (!span) return undefined;
    const [row] = await this.database.query<{ recorded_at: Date }>(
      `SELECT recorded_at FROM audit_entry WHERE recorded_at BETWEEN $1 AND $2 AND entry_index = $3`,
      [span.from.toISOString(), span.to.toISOString(), index],
    );
    return row?.recorded_at ?? span.to;
  }

  /** The first index that was recorded at this time or later; `undefined` when there is none. */
  async firstIndexSince(time: Date): Promise<number | undefined> {
    const [row] = await this.database.query<{ entry_index: string }>(
      `SELECT entry_index FROM audit_entry WHERE recorded_at >= $1
       ORDER BY recorded_at, entry_index LIMIT 1`,
      [time.toISOString()],
    );
    return row && Number(row.entry_index);
  }

  /**
   * Parses rows, compares their bytes with the hashes of the log and adds their personal values: of an entry
   * that the log commits to only those whose hashes it has. A row whose bytes can't be decoded gets the entry
   * that its columns describe.
   */
  async withPersonalValues(rows: readonly EntryRow[]): Promise<AuditEntryRecord[]> {
    if (rows.length === 0) return [];
    const found = await this.database.query<PersonalValuesRow>(
      `SELECT k.nth::integer AS nth, p.whose, p.client_address, p.user_agent, p.display_name, p.salts,
         substring(h.leaf_hashes FROM (${HASH_BYTES} * (k.entry_index - h.from_size))::integer + 1
                   FOR ${HASH_BYTES}) AS leaf_hash
       FROM unnest($1::text[]::timestamptz[], $2::bigint[])
         WITH ORDINALITY AS k (recorded_at, entry_index, nth)
       LEFT JOIN audit_personal p USING (recorded_at, entry_index)
       LEFT JOIN LATERAL (SELECT from_size, leaf_hashes FROM audit_head
         WHERE size > k.entry_index AND from_size <= k.entry_index ORDER BY size LIMIT 1) h ON true`,
      [
        textArray(rows.map(({ at }) => at)),
        bigintArray(rows.map(({ entry_index: index }) => Number(index))),
      ],
    );
    const byRow = Map.groupBy(found, ({ nth }) => nth);
    const records = await mapInSlices([...rows.entries()], ([nth, row]) => {
      const personalRows = byRow.get(nth + 1) ?? [];
      const entry = tryParseAuditEntry(row.leaf);
      const isWhole = personalRows[0]?.leaf_hash?.equals(hashLeaf(row.leaf)) === true;
      const recorded = isWhole ? (entry?.personal ?? {}) : undefined;
      const { personal, isChanged } = shownValues(personalRows, recorded);
      return { row, entry, personal, isDamaged: !isWhole || isChanged };
    });
    return Promise.all(
      records.map(async ({ row, entry, ...record }) => ({
        ...record,
        index: Number(row.entry_index),
        leaf: row.leaf,
        entry: entry ?? (await this.#fromColumns(row)),
      })),
    );
  }

  /** What the columns of a row say, in place of bytes that can't be decoded. */
  async #fromColumns({ at, entry_index: index, leaf }: EntryRow): Promise<AuditEntry> {
    const [row] = await this.database.query<StoredColumns>(
      `SELECT id, recorded_at, ${ENTRY_COLUMN_NAMES.join(', ')} FROM audit_entry
       WHERE recorded_at = $1 AND entry_index = $2`,
      [at, index],
    );
    if (row) return entryFromColumns(row, row.recorded_at);
    // The row was changed again meanwhile.
    return damagedEntry({ index: Number(index), recordedAt: new Date(0), storedBytes: leaf }).entry;
  }
}
