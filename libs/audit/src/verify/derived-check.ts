import { TILE_WIDTH } from '#libs/transparency-log';
import type { AuditEntry } from '../entry/audit-entry.js';
import { entryColumns } from '../entry/entry-columns.js';
import { STATISTIC_DIMENSIONS } from '../query/entry-statistics.js';
import type { AuditFaults } from './audit-fault.js';
import { type Query, storedTime } from './stored-rows.js';

interface StatisticRow {
  readonly hour: string;
  readonly dimension: string;
  readonly value: string;
  readonly entries: string;
}

/** Compares what is derived from many entries with them: fingerprint keys, statistics and superfluous tiles. */
export class DerivedCheck {
  readonly #firstUse = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #hours = new Map<string, number>();

  constructor(
    private readonly query: Query,
    private readonly faults: AuditFaults,
  ) {}

  /** Adds the next entry to the expected values. */
  add(index: number, entry: AuditEntry): void {
    const key = entry.token?.fingerprintKey;
    if (key !== undefined && !this.#firstUse.has(key)) this.#firstUse.set(key, index);
    const hour = storedTime(`${entry.recordedAt.slice(0, 13)}:00:00.000Z`);
    if (!this.#hours.has(hour)) this.#hours.set(hour, index);
    const columns = entryColumns(entry);
    for (const dimension of Object.values(STATISTIC_DIMENSIONS)) {
      const group = groupOf(hour, dimension, columns[dimension] ?? '');
      this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
    }
  }

  /**
   * Compares keys and statistics.
   *
   * @param firstIndex index of the first entry that was added; what older entries gave is not checked
   */
  async finish(firstIndex: number, size: number): Promise<void> {
    await this.checkKeys(firstIndex);
    await this.#checkStatistics(firstIndex, size);
  }

  /** Reports stored tiles that a tree of this size does not have. */
  async checkTiles(size: number): Promise<void> {
    const rows = await this.query<{ level: number; tile_index: string }>(
      `SELECT level, tile_index FROM audit_tile
       WHERE level NOT BETWEEN 0 AND 5 OR tile_index < 0
         OR tile_index >= floor($1::numeric / 256::numeric ^ (level + 1))`,
      [size],
    );
    for (const { level, tile_index: index } of rows) {
      const isLevel = level >= 0 && level <= 5;
      const first = isLevel ? Number(index) * TILE_WIDTH ** (level + 1) : size;
      this.faults.add('tile-added', Math.min(first, size), `level ${level}`);
    }
  }

  /** @param endIndex what entries from this index on gave is not checked either. Default: the end of the log */
  async checkKeys(firstIndex: number, endIndex = Infinity): Promise<void> {
    const rows = await this.query<{ id: string; first_index: string }>(
      'SELECT id, first_index FROM audit_fingerprint_key',
    );
    const stored = new Map(rows.map((row) => [row.id, Number(row.first_index)]));
    const differs = (index: number): void => {
      this.faults.add('fingerprint-key-differs', index, 'the key or its first use');
    };
    for (const [key, index] of this.#firstUse) {
      const known = stored.get(key);
      const isOlder = known !== undefined && known >= 0 && known < firstIndex;
      const isRight = known === index || isOlder;
      if (!isRight) differs(index);
    }
    for (const [key, index] of stored) {
      // A negative index is of no slice, so each reports it.
      const isHere = index < endIndex && (index >= firstIndex || index < 0);
      if (isHere && !this.#firstUse.has(key)) differs(index);
    }
  }

  /** Hours that began before the first added entry can't be compared. */
  async #checkStatistics(firstIndex: number, size: number): Promise<void> {
    const runs = await this.query<{ start: string; end: string }>(
      `SELECT ${utc('start_at')} AS start, ${utc('end_at')} AS end
       FROM audit_statistic_run ORDER BY end_at`,
    );
    const rows = await this.query<StatisticRow>(
      `SELECT ${utc('hour')} AS hour, dimension, value, entries FROM audit_statistic`,
    );
    const [firstHour] = this.#hours.keys();
    const isComparable = (hour: string): boolean => {
      const isWhole = firstIndex === 0 || hour !== firstHour;
      return isWhole && runs.some(({ start, end }) => start <= hour && hour < end);
    };
    const differs = (hour: string): void => {
      const index = this.#hours.get(hour) ?? size;
      this.faults.add('statistic-differs', index, 'a count of this hour');
    };
    runs.forEach(({ start, end }, nth) => {
      const begin = firstIndex === 0 ? firstHour : undefined;
      const before = nth === 0 ? begin : runs[nth - 1]?.end;
      const isRun = start < end && start.endsWith(':00:00') && end.endsWith(':00:00');
      if (!isRun || (before !== undefined && before !== start)) differs(before ?? start);
    });
    const stored = new Map(
      rows.map((row) => [groupOf(row.hour, row.dimension, row.value), Number(row.entries)]),
    );
    for (const [group, count] of this.#counts) {
      const hour = hourOf(group);
      if (isComparable(hour) && stored.get(group) !== count) differs(hour);
      if (isComparable(hour)) stored.delete(group);
    }
    for (const group of stored.keys()) {
      const hour = hourOf(group);
      if (firstIndex === 0 || hour > (firstHour ?? '')) differs(hour);
    }
  }
}

/** Neither times nor PostgreSQL's texts contain NUL, so that the key is unique. */
function groupOf(hour: string, dimension: string, value: string): string {
  return `${hour}\0${dimension}\0${value}`;
}

function hourOf(group: string): string {
  return group.slice(0, group.indexOf('\0'));
}

function utc(column: string): string {
  return `(${column} AT TIME ZONE 'UTC')::text`;
}
