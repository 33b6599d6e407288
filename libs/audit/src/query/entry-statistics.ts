import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { bucketOf, type CountedValue, type StatisticBucket } from './statistic-bucket.js';

/** The dimensions whose counts of past hours are stored, with the column of each. */
export const STATISTIC_DIMENSIONS = {
  action: 'action',
  outcome: 'outcome',
  reasonCode: 'reason_code',
  actorTenant: 'actor_tenant',
  clientApp: 'client_app',
} as const;

/** A window whose entries are counted by one dimension, without a filter. */
export interface StoredStatistic {
  readonly from: Date;
  readonly to: Date;
  /** Of whole hours, as stored counts are. */
  readonly bucket: Exclude<StatisticBucket, 'minute'>;
  /** Of the calendar: one whose offsets are whole hours. Default: UTC. */
  readonly timeZone?: string;
  readonly dimension: keyof typeof STATISTIC_DIMENSIONS;
}

const HOUR_MS = 3_600_000;
/** Entries that one statement counts. */
const CHUNK_SIZE = 20_000;
const DIMENSION_VALUES = Object.values(STATISTIC_DIMENSIONS)
  .map((column) => `('${column}', coalesce(${column}, ''))`)
  .join(', ');

/** `infinity` and years that no clock shows are times of rows that anybody has written, not the service. */
const IS_TIME = `recorded_at BETWEEN '2000-01-01' AND '2200-01-01'`;
const OLDEST_HOUR = `
  SELECT date_trunc('hour', recorded_at, 'UTC') FROM audit_entry WHERE ${IS_TIME}
  ORDER BY recorded_at, entry_index LIMIT 1`;
const IS_RUN = `(start_at >= '2000-01-01' AND end_at <= '2200-01-01')`;

/**
 * Counts entries by time. Past hours are counted once and stored (`rollUp`); only newer entries, and hours
 * that a window contains in part, are counted for each query.
 */
@Injectable()
export class EntryStatistics {
  constructor(private readonly database: ReadingDatabase) {}

  /** Counts by bucket of all entries of a window, from stored counts as far as there are some. */
  async count({
    from,
    to,
    bucket,
    timeZone = 'UTC',
    dimension,
  }: StoredStatistic): Promise<CountedValue[]> {
    const column = STATISTIC_DIMENSIONS[dimension];
    const stored = await this.#storedWithin(from, to);
    const start = bucketOf({ from, bucket, timeZone }, 'time');
    const rows = await this.database.query<{ start: Date; value: string; entries: string }>(
      `SELECT ${start} AS start, value, sum(entries) AS entries FROM (
         SELECT hour AS time, value, entries FROM audit_statistic
         WHERE dimension = '${column}' AND hour >= $2 AND hour < $3
         UNION ALL
         SELECT recorded_at, coalesce(${column}, ''), 1 FROM audit_entry
         WHERE recorded_at >= $1 AND recorded_at < $2
         UNION ALL
         SELECT recorded_at, coalesce(${column}, ''), 1 FROM audit_entry
         WHERE recorded_at >= $3 AND recorded_at < $4
       ) counted GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2`,
      [from, stored.from, stored.to, to].map((time) => time.toISOString()),
    );
    return rows.map(({ start: bucketStart, value, entries }) => ({
      bucketStart,
      value: value === '' ? undefined : value,
      entries: Number(entries),
    }));
  }

  /** The hours whose counts are stored. */
  async storedHours(): Promise<StoredHours> {
    const [strange] = await this.database.query<{ rows: string }>(
      `SELECT count(*) AS rows FROM audit_statistic_run WHERE ${IS_RUN} IS NOT TRUE`,
    );
    // The database finds out what is a whole hour: a `Date` has no microseconds.
    const runs = await this.database.query<StoredRun>(
      `SELECT start_at AS start, end_at AS end, (${OLDEST_HOUR}) AS first,
         start_at = date_trunc('hour', start_at, 'UTC')
           AND end_at = date_trunc('hour', end_at, 'UTC') AS "isWhole"
       FROM audit_statistic_run WHERE ${IS_RUN} ORDER BY end_at`,
    );
    const [oldest] = runs;
    const faults = runs.filter(({ start, end, isWhole }, nth) => {
      const before = nth === 0 ? start : runs[nth - 1]?.end;
      return !isWhole || start >= end || before?.getTime() !== start.getTime();
    });
    // Later entries than the first counted hour may be the oldest: others are retired.
    const isLate = oldest?.first ? oldest.start > oldest.first : false;
    return {
      start: oldest?.start.getTime() ?? 0,
      end: runs.at(-1)?.end.getTime() ?? 0,
      isEarly: oldest?.first ? oldest.start < oldest.first : false,
      faults: faults.length + Number(isLate) + Number(strange?.rows ?? 0),
    };
  }

  /**
   * Counts stored hours again, as many as `rollUp` does at once.
   *
   * @returns the end of what was counted, and the hours whose stored counts are wrong
   */
  async recount(
    start: number,
    latestEnd: number,
  ): Promise<{ readonly end: number; readonly wrongHours: readonly number[] }> {
    const end = await this.#boundedEnd(start, Math.min(latestEnd, start + 24 * HOUR_MS));
    const rows = await this.database.query<Omit<ChunkRow, 'at' | 'index'>>(
      `SELECT dimension, hour, value, entries FROM audit_statistic
       WHERE hour >= $1 AND hour < $2`,
      [iso(start), iso(end)],
    );
    const counted = await this.#countHours(start, end);
    const keyOf = ({ dimension, hour, value }: Omit<HourCount, 'entries'>): string =>
      JSON.stringify([dimension, hour, value]);
    const stored = new Map(rows.map((row) => [keyOf(row), row]));
    const wrong = new Set<number>();
    for (const count of counted) {
      const row = stored.get(keyOf(count));
      if (Number(row?.entries) !== count.entries) wrong.add(floorHour(count.hour));
      stored.delete(keyOf(count));
    }
    for (const { hour } of stored.values()) wrong.add(floorHour(hour));
    return { end, wrongHours: [...wrong] };
  }

  /**
   * The complete hours of a window whose counts are stored, from that of the oldest entry: those before it are
   * of retired entries, which no search finds. An empty range at the end of the window when there are none.
   */
  async #storedWithin(from: Date, to: Date): Promise<{ from: Date; to: Date }> {
    const [run] = await this.database.query<{ start_at: Date; end_at: Date; oldest: Date | null }>(
      `SELECT min(start_at) AS start_at, max(end_at) AS end_at, (${OLDEST_HOUR}) AS oldest
       FROM audit_statistic_run WHERE ${IS_RUN} HAVING count(*) > 0`,
    );
    if (!run?.oldest) return { from: to, to };
    const first = Math.max(ceilHour(from), run.start_at.getTime(), run.oldest.getTime());
    const end = Math.min(floorHour(to), run.end_at.getTime());
    return end > first ? { from: new Date(first), to: new Date(end) } : { from: to, to };
  }

  /**
   * Counts and stores the next complete hours: a day at most, and after the first hour no more than
   * about `CHUNK_SIZE` entries. Of two calls at the same time, one stores.
   *
   * @param signal aborts between two statements, before anything is stored
   * @returns whether more hours can be counted
   */
  async rollUp(signal?: AbortSignal): Promise<boolean> {
    const [state] = await this.database.query<{ start: Date | null; newest: Date | null }>(
      `SELECT coalesce((SELECT max(end_at) FROM audit_statistic_run WHERE ${IS_RUN}),
          (${OLDEST_HOUR})) AS start,
        (SELECT recorded_at FROM audit_head WHERE ${IS_TIME} ORDER BY size DESC LIMIT 1) AS newest`,
    );
    if (!state?.start || !state.newest) return false;
    // Times in the log never decrease, so hours before that of the newest entry are complete.
    const closed = floorHour(state.newest);
    const start = state.start.getTime();
    const latestEnd = Math.min(closed, start + 24 * HOUR_MS);
    if (latestEnd <= start) return false;
    const end = await this.#boundedEnd(start, latestEnd);
    const counts = await this.#countHours(start, end, signal);
    if (signal?.aborted) return false;
    const isStored = await this.database.transaction(async (transaction) => {
      const claimed = await transaction.query<unknown[]>(
        `INSERT INTO audit_statistic_run (start_at, end_at) VALUES ($1, $2)
         ON CONFLICT DO NOTHING RETURNING 1`,
        [iso(start), iso(end)],
      );
      if (claimed.length === 0) return false;
      await transaction.query(
        `INSERT INTO audit_statistic (dimension, hour, value, entries)
         SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::bigint[])`,
        [
          counts.map(({ dimension }) => dimension),
          counts.map(({ hour }) => hour),
          counts.map(({ value }) => value),
          counts.map(({ entries }) => entries),
        ],
      );
      return true;
    });
    return isStored && end < closed;
  }

  /** The latest hour before which there are few entries; at least one hour after the start. */
  async #boundedEnd(start: number, latestEnd: number): Promise<number> {
    const [next] = await this.database.query<{ at: Date }>(
      `SELECT recorded_at AS at FROM audit_entry WHERE recorded_at >= $1 AND recorded_at < $2
       ORDER BY recorded_at, entry_index OFFSET ${CHUNK_SIZE} LIMIT 1`,
      [iso(start), iso(latestEnd)],
    );
    return next ? Math.max(start + HOUR_MS, floorHour(next.at)) : latestEnd;
  }

  /** Counts in statements of `CHUNK_SIZE` entries, so that each ends far within its timeout. */
  async #countHours(start: number, end: number, signal?: AbortSignal): Promise<HourCount[]> {
    const counts = new Map<string, HourCount>();
    let after = { at: iso(start), index: '-1' };
    for (let size = CHUNK_SIZE; size === CHUNK_SIZE && !signal?.aborted;) {
      const rows = await this.database.query<ChunkRow>(
        `WITH chunk AS MATERIALIZED (
           SELECT recorded_at, entry_index, ${Object.values(STATISTIC_DIMENSIONS).join(', ')}
           FROM audit_entry
           WHERE recorded_at >= $1 AND recorded_at < $2 AND (recorded_at, entry_index) > ($1, $3)
           ORDER BY recorded_at, entry_index LIMIT ${CHUNK_SIZE}
         ), last AS (
           SELECT recorded_at::text AS at, entry_index AS index FROM chunk
           ORDER BY recorded_at DESC, entry_index DESC LIMIT 1
         )
         SELECT dimension, date_trunc('hour', recorded_at, 'UTC') AS hour, value,
                count(*) AS entries, last.at, last.index
         FROM chunk CROSS JOIN last
              CROSS JOIN LATERAL (VALUES ${DIMENSION_VALUES}) counted (dimension, value)
         GROUP BY 1, 2, 3, 5, 6`,
        [after.at, iso(end), after.index],
      );
      size = 0;
      for (const { dimension, hour, value, entries, at, index } of rows) {
        after = { at, index };
        if (dimension === STATISTIC_DIMENSIONS.action) size += Number(entries);
        const key = JSON.stringify([dimension, hour, value]);
        const known = counts.get(key)?.entries ?? 0;
        counts.set(key, { dimension, hour, value, entries: known + Number(entries) });
      }
    }
    return [...counts.values()];
  }
}

/** The hours whose counts are stored, in milliseconds since 1970. Both are 0 when there are none. */
export interface StoredHours {
  readonly start: number;
  readonly end: number;
  /** Whether they begin before the hour of the oldest entry: right only when older entries are retired. */
  readonly isEarly: boolean;
  /** How many of the stored ranges do not begin and end at an hour, or do not continue the one before. */
  readonly faults: number;
}

interface StoredRun {
  readonly start: Date;
  readonly end: Date;
  /** The hour of the oldest entry. */
  readonly first: Date | null;
  readonly isWhole: boolean;
}

interface HourCount {
  readonly dimension: string;
  readonly hour: Date;
  readonly value: string;
  readonly entries: number;
}

/** The count of one value, and the last entry of the chunk. */
interface ChunkRow extends Omit<HourCount, 'entries'> {
  readonly entries: string;
  readonly at: string;
  readonly index: string;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function floorHour(time: Date): number {
  return Math.floor(time.getTime() / HOUR_MS) * HOUR_MS;
}

function ceilHour(time: Date): number {
  return Math.ceil(time.getTime() / HOUR_MS) * HOUR_MS;
}
