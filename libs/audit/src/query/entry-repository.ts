import { Injectable } from '@nestjs/common';
import { mapInSlices, ReadingDatabase, uuidV7Time } from '#libs/platform';
import { parseAuditEntry, type AuditEntryRecord } from '../entry/audit-entry.js';
import { bigintArray, timeArray } from '../postgres/binary-array.js';
import { hashNameOf, PERSONAL_FIELDS, type PersonalField } from '../entry/personal-values.js';

/** A row of `audit_entry`. */
export interface EntryRow {
  readonly entry_index: string;
  readonly recorded_at: Date;
  readonly leaf: Buffer;
}

interface PersonalRow {
  readonly entry_index: string;
  readonly whose: 'actor' | 'target';
  readonly client_address: string | null;
  readonly user_agent: string | null;
  readonly display_name: string | null;
}

const COLUMN_OF_FIELD = {
  clientAddress: 'client_address',
  userAgent: 'user_agent',
  displayName: 'display_name',
} as const satisfies Record<PersonalField, keyof PersonalRow>;

/** The times between which a range of entries was recorded, for searches to read few partitions. */
export interface TimeSpan {
  readonly from: Date;
  readonly to: Date;
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
      'SELECT entry_index, recorded_at, leaf FROM audit_entry WHERE recorded_at = $1 AND id = $2',
      [new Date(time).toISOString(), id],
    );
    return (await this.withPersonalValues(rows))[0];
  }

  /** The rows from index `from` up to, but not including, `end`, in order. Retired ones are missing. */
  async byIndex(from: number, end: number): Promise<EntryRow[]> {
    const span = await this.timeSpanOf(from, end);
    if (!span) return [];
    return this.database.query<EntryRow>(
      `SELECT entry_index, recorded_at, leaf FROM audit_entry
       WHERE recorded_at BETWEEN $1 AND $2 AND entry_index >= $3 AND entry_index < $4
       ORDER BY recorded_at, entry_index`,
      [span.from.toISOString(), span.to.toISOString(), from, end],
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

  /** The first index that was recorded at this time or later; `undefined` when there is none. */
  async firstIndexSince(time: Date): Promise<number | undefined> {
    const [row] = await this.database.query<{ entry_index: string }>(
      `SELECT entry_index FROM audit_entry WHERE recorded_at >= $1
       ORDER BY recorded_at, entry_index LIMIT 1`,
      [time.toISOString()],
    );
    return row && Number(row.entry_index);
  }

  /** Parses rows and adds their personal values. */
  async withPersonalValues(rows: readonly EntryRow[]): Promise<AuditEntryRecord[]> {
    if (rows.length === 0) return [];
    const personal = await this.database.query<PersonalRow>(
      `SELECT p.entry_index, whose, client_address, user_agent, display_name
       FROM unnest($1::timestamptz[], $2::bigint[]) AS k (recorded_at, entry_index)
       JOIN audit_personal p USING (recorded_at, entry_index)`,
      [
        timeArray(rows.map(({ recorded_at: time }) => time.getTime())),
        bigintArray(rows.map(({ entry_index: index }) => Number(index))),
      ],
    );
    const byIndex = Map.groupBy(personal, ({ entry_index: index }) => index);
    return mapInSlices(rows, ({ entry_index: index, leaf }) => ({
      index: Number(index),
      entry: parseAuditEntry(leaf),
      leaf,
      personal: valuesOf(byIndex.get(index) ?? []),
    }));
  }
}

function valuesOf(rows: readonly PersonalRow[]): AuditEntryRecord['personal'] {
  const values = rows.flatMap((row) =>
    PERSONAL_FIELDS.flatMap((field) => {
      const value = row[COLUMN_OF_FIELD[field]];
      return value === null ? [] : [[hashNameOf(row.whose, field), value] as const];
    }),
  );
  return Object.fromEntries(values);
}
