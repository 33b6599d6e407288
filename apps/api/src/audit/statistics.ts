import { z } from 'zod';
import { type StatisticBucket, type StatisticCount, type StatisticDimension } from '#libs/audit';
import { instant, isForward } from './query-fields.js';

const buckets = ['hour', 'day', 'week', 'month'] as const satisfies readonly StatisticBucket[];
const dimensions = [
  'action',
  'outcome',
  'reasonCode',
  'actorTenant',
  'clientApp',
] as const satisfies readonly StatisticDimension[];

const hourMs = 3_600_000;
/** A little below the calendar's longest, so that no more buckets than the limit come out. */
const bucketMs: Readonly<Record<StatisticBucket, number>> = {
  hour: hourMs,
  day: 24 * hourMs,
  week: 7 * 24 * hourMs,
  month: 28 * 24 * hourMs,
};
const bucketLimit = 2000;

export const statisticsQuery = z
  .strictObject({
    from: instant().describe('count entries from this time on'),
    to: instant().describe('count entries before this time'),
    bucket: z.enum(buckets).default('day').describe('calendar unit in UTC'),
    dimension: z.enum(dimensions).default('action').describe('what to count by'),
  })
  .refine(isForward, { error: 'must be later than from', path: ['to'] })
  .refine(({ from, to, bucket }) => +to - +from <= bucketLimit * bucketMs[bucket], {
    error: `must leave at most ${bucketLimit} buckets; take a larger one`,
    path: ['bucket'],
  });

export type StatisticsRequest = z.output<typeof statisticsQuery>;

export const statisticsResponse = z
  .strictObject({
    items: z.array(
      z.strictObject({
        bucketStart: z.iso.datetime(),
        value: z
          .string()
          .optional()
          .meta({ description: 'Absent where entries have no such value.' }),
        entries: z.int().min(1),
      }),
    ),
  })
  .meta({ id: 'AuditStatistics' });

export type StatisticsResponse = z.output<typeof statisticsResponse>;

export function toStatistics(counts: readonly StatisticCount[]): StatisticsResponse {
  return {
    items: counts.map(({ bucketStart, value, entries }) => ({
      bucketStart: bucketStart.toISOString(),
      ...(value !== undefined && { value }),
      entries,
    })),
  };
}
