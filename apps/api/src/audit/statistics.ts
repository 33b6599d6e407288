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

const HOUR_MS = 3_600_000;
/** Lower bounds of the units' lengths, so that a window never has more buckets than the limit. */
const BUCKET_MS: Readonly<Record<StatisticBucket, number>> = {
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 7 * 24 * HOUR_MS,
  month: 28 * 24 * HOUR_MS,
};
const MAX_BUCKETS = 2000;

export const statisticsQuery = z
  .strictObject({
    from: instant().describe('count entries recorded at this time or later'),
    to: instant().describe('count entries recorded before this time'),
    bucket: z.enum(buckets).default('day').describe('calendar unit in UTC'),
    dimension: z.enum(dimensions).default('action').describe('what to count by'),
  })
  .refine(isForward, { error: 'must be later than from', path: ['to'] })
  .refine(({ from, to, bucket }) => +to - +from <= MAX_BUCKETS * BUCKET_MS[bucket], {
    error: `must leave at most ${MAX_BUCKETS} buckets; use a larger unit`,
    path: ['bucket'],
  });

export type StatisticsRequest = z.output<typeof statisticsQuery>;

export const statisticsResponse = z
  .strictObject({
    items: z.array(
      z.strictObject({
        bucketStart: z.iso.datetime(),
        value: z.string().optional().meta({ description: 'Absent for entries without a value.' }),
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
