/** Units of the calendar; `none` is the whole window. */
export type StatisticBucket = 'none' | 'minute' | 'hour' | 'day' | 'week' | 'month';

/** The number of entries in a bucket with one value; `undefined` stands for entries without a value. */
export interface CountedValue {
  readonly bucketStart: Date;
  readonly value: string | undefined;
  readonly entries: number;
}

/** How times are grouped. */
export interface Buckets {
  /** Start of the window. */
  readonly from: Date;
  readonly bucket: StatisticBucket;
  /** Of the calendar: a name of the IANA database. */
  readonly timeZone: string;
}

/** The start of a time's bucket, in SQL. */
export function bucketOf({ from, bucket, timeZone }: Buckets, time: string): string {
  if (!/^[\w+/-]+$/.test(timeZone)) throw new Error('the name of a time zone has other characters');
  return bucket === 'none'
    ? `timestamptz '${from.toISOString()}'`
    : `date_trunc('${bucket}', ${time}, '${timeZone}')`;
}

const SAMPLE_MS = 28 * 24 * 3_600_000;

/** Whether each hour of UTC is in one hour, and so in one day, of the time zone. */
export function hasWholeHours(timeZone: string, from: Date, to: Date): boolean {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  for (let at = from.getTime(); ; at = Math.min(at + SAMPLE_MS, to.getTime())) {
    const offset = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value;
    if (/:(?!00$)/.test(offset ?? '')) return false;
    if (at >= to.getTime()) return true;
  }
}
