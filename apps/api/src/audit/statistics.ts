import { z } from 'zod';
import type {
  StatisticBucket,
  StatisticCount,
  StatisticDimension,
  Statistics,
  StatisticsQuery,
} from '#libs/audit';
import { consistent, filterFields } from './entry-query.js';
import { claim, instant, oneOf, several, whole } from './query-fields.js';

const buckets = [
  ...['hour', 'day', 'week', 'month'],
  ...['minute', 'none'],
] as const satisfies readonly StatisticBucket[];
const dimensions = [
  'action',
  'outcome',
  'reasonCode',
  'actorTenant',
  'clientApp',
  'actorKind',
  'targetTenant',
  'rule',
  'policyVersion',
  'secretVersion',
  'resource',
  'scope',
  'isGuest',
] as const satisfies readonly StatisticDimension[];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Lower bounds of the units' lengths, so that a window never has more buckets than the limit. */
const BUCKET_MS: Readonly<Record<StatisticBucket, number>> = {
  none: Number.MAX_SAFE_INTEGER,
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 7 * 24 * HOUR_MS,
  month: 28 * 24 * HOUR_MS,
};
const MAX_BUCKETS = 2000;
const MAX_TOP = 1000;

// Of addresses there are too many entries to be compared with each.
const { clientAddress: _address, address: _range, ...countedFilter } = filterFields;

export const statisticsQuery = consistent(
  z.strictObject({
    ...countedFilter,
    from: instant().describe('count entries recorded at this time or later'),
    to: instant().describe('count entries recorded before this time'),
    bucket: z
      .enum(buckets)
      .default('day')
      .describe('unit of the calendar; none: the window is one bucket'),
    timeZone: z
      .string()
      .transform((name) => canonicalTimeZone(name) ?? '')
      .refine((name) => name !== '', 'must be the name of a time zone: Europe/Zurich')
      .prefault('UTC')
      .describe('time zone of the calendar'),
    dimension: several(oneOf(dimensions))
      .default(['action'])
      .describe('what to count by, each on its own'),
    top: whole(1, MAX_TOP)
      .prefault('10')
      .describe('values of each dimension with a count of their own; the rest is one'),
    previous: claim()
      .optional()
      .describe('whether to count the window of the same length before this one as well'),
  }),
).refine(({ from, to, bucket }) => +to - +from <= MAX_BUCKETS * BUCKET_MS[bucket], {
  error: `must leave at most ${MAX_BUCKETS} buckets; use a larger unit`,
  path: ['bucket'],
});

export type StatisticsRequest = z.output<typeof statisticsQuery>;

const items = z.array(
  z.strictObject({
    dimension: z.enum(dimensions),
    bucketStart: z.iso.datetime(),
    value: z.string().optional().meta({ description: 'Absent for entries without a value.' }),
    isRest: z
      .literal(true)
      .optional()
      .meta({ description: 'All values that are not among the `top` ones of the window.' }),
    entries: z.int().min(1),
  }),
);

const countedThrough = z.iso.datetime().meta({
  description:
    'All entries before this time were counted: the end of the window, or an earlier time when counting took too long. Then continue with it as `from`. In a window that is not over, the time of the newest entry, which is counted too.',
});

export const statisticsResponse = z
  .strictObject({
    items,
    countedThrough,
    previous: z
      .strictObject({
        from: z.iso.datetime(),
        to: z.iso.datetime(),
        items,
        countedThrough,
      })
      .meta({ id: 'AuditStatisticsWindow' })
      .optional(),
  })
  .meta({ id: 'AuditStatistics' });

export type StatisticsResponse = z.output<typeof statisticsResponse>;

export function toStatisticsQuery({ dimension, ...query }: StatisticsRequest): StatisticsQuery {
  return { ...query, dimensions: [...new Set(dimension)] };
}

export function toStatistics({ previous, ...current }: Statistics): StatisticsResponse {
  return {
    ...toCounts(current),
    ...(previous && {
      previous: {
        from: previous.from.toISOString(),
        to: previous.to.toISOString(),
        ...toCounts(previous),
      },
    }),
  };
}

/**
 * The name that ICU and PostgreSQL share, of a name in any case and of each one that a zone has had: browsers
 * differ in which one they send. `undefined` for an offset, which is no calendar.
 */
function canonicalTimeZone(name: string): string | undefined {
  if (/^[+-]/.test(name)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

function toCounts({ counts, countedThrough: through }: Statistics) {
  return { items: counts.map(toItem), countedThrough: through.toISOString() };
}

function toItem({ dimension, bucketStart, value, isRest, entries }: StatisticCount) {
  return {
    dimension,
    bucketStart: bucketStart.toISOString(),
    ...(value !== undefined && { value }),
    ...(isRest && { isRest }),
    entries,
  };
}
