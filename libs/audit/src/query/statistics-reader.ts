import { Injectable } from '@nestjs/common';
import { type CountedDimension, EntryCounter } from './entry-counter.js';
import type { EntryFilter } from './entry-filter.js';
import { EntryRepository } from './entry-repository.js';
import { EntryStatistics, STATISTIC_DIMENSIONS } from './entry-statistics.js';
import { type CountedValue, hasWholeHours, type StatisticBucket } from './statistic-bucket.js';

/** Which entries to count, and how to group them. */
export interface StatisticsQuery extends EntryFilter {
  readonly from: Date;
  readonly to: Date;
  readonly bucket: StatisticBucket;
  /** Of the calendar. Default: UTC. */
  readonly timeZone?: string;
  readonly dimensions: readonly StatisticDimension[];
  /** Values of each dimension that are counted one by one. Default: all. */
  readonly top?: number;
  /** Whether to count the window of the same length before this one as well. */
  readonly previous?: boolean | undefined;
}

export type StatisticDimension = CountedDimension;

/** The number of entries in a bucket with one value, or with all values that are not among the top ones. */
export interface StatisticCount extends CountedValue {
  readonly dimension: StatisticDimension;
  readonly isRest: boolean;
}

/** The counts of a window. */
export interface Statistics {
  readonly from: Date;
  readonly to: Date;
  readonly counts: readonly StatisticCount[];
  /**
   * All entries before this time were counted. Before the end of the window when counting took too long, and
   * in a window that is not over: then it is the time of the newest entry, which is counted too.
   */
  readonly countedThrough: Date;
  readonly previous?: Omit<Statistics, 'previous'>;
}

/** Counts entries: from stored counts where there are some, else by reading the entries. */
@Injectable()
export class StatisticsReader {
  constructor(
    private readonly stored: EntryStatistics,
    private readonly counter: EntryCounter,
    private readonly entries: EntryRepository,
  ) {}

  async read({ previous = false, ...query }: StatisticsQuery): Promise<Statistics> {
    const current = await this.#read(query);
    if (!previous) return current;
    const { from, to } = query;
    const before = { from: new Date(2 * from.getTime() - to.getTime()), to: from };
    return { ...current, previous: await this.#read({ ...query, ...before }) };
  }

  async #read(query: Omit<StatisticsQuery, 'previous'>): Promise<Statistics> {
    const { from, to, bucket, timeZone = 'UTC', dimensions, top, ...filter } = query;
    const isFiltered = Object.values(filter).some((value) => value !== undefined);
    const isStored = !isFiltered && bucket !== 'minute' && hasWholeHours(timeZone, from, to);
    // Read before the counting: later entries get this time or a later one.
    const newest = (await this.entries.newest())?.recordedAt ?? from;
    const end = earlier(to, newest < from ? from : newest);
    const counts: StatisticCount[][] = [];
    const others: StatisticDimension[] = [];
    for (const dimension of dimensions) {
      if (!isStored || !isStoredDimension(dimension)) others.push(dimension);
      else {
        const window = { from, to, bucket, timeZone, dimension };
        counts.push(withRest(dimension, await this.stored.count(window), top));
      }
    }
    if (others.length === 0) return { from, to, counts: counts.flat(), countedThrough: end };
    const window = { from, to, bucket, timeZone, filter, dimensions: others };
    const counted = await this.counter.count(window);
    for (const [dimension, values] of counted.counts) {
      counts.push(withRest(dimension, values, top));
    }
    return { from, to, counts: counts.flat(), countedThrough: earlier(counted.through, end) };
  }
}

function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}

function isStoredDimension(
  dimension: StatisticDimension,
): dimension is keyof typeof STATISTIC_DIMENSIONS {
  return dimension in STATISTIC_DIMENSIONS;
}

/** Adds up, in each bucket, what is not among the values with the largest counts of the window. */
function withRest(
  dimension: StatisticDimension,
  values: readonly CountedValue[],
  top = Number.MAX_SAFE_INTEGER,
): StatisticCount[] {
  const totals = new Map<string | undefined, number>();
  for (const { value, entries } of values) {
    totals.set(value, (totals.get(value) ?? 0) + entries);
  }
  const largest = [...totals].sort(([, a], [, b]) => b - a).slice(0, top);
  const shown = new Set(largest.map(([value]) => value));
  const rest = new Map<number, number>();
  for (const { bucketStart, value, entries } of values) {
    if (!shown.has(value)) rest.set(+bucketStart, (rest.get(+bucketStart) ?? 0) + entries);
  }
  return [
    ...values
      .filter(({ value }) => shown.has(value))
      .map((counted) => ({ ...counted, dimension, isRest: false })),
    ...[...rest].map(([start, entries]) => ({
      ...{ bucketStart: new Date(start), value: undefined, entries },
      ...{ dimension, isRest: true },
    })),
  ];
}
