import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/platform';
import { EntryStatistics, type StoredHours } from '../query/entry-statistics.js';
import { oldestRetainedAt, retiredBelowIn } from '../verify/retired-entries.js';
import type { Query } from '../verify/stored-rows.js';
import {
  type CheckedSlice,
  type Finding,
  type PartPosition,
  placesWithin,
  type VerifiedPart,
} from './verified-part.js';

const RUNS = 'runs';
const KIND = 'statistic-differs';
const HOUR_MS = 3_600_000;

/** The stored counts of past hours, against the entries. The entries themselves are another part. */
@Injectable()
export class StatisticsPart implements VerifiedPart {
  readonly name = 'statistics';

  constructor(private readonly statistics: EntryStatistics) {}

  async check(transaction: Transaction, position: PartPosition): Promise<CheckedSlice> {
    const hours = await this.statistics.storedHours();
    const query: Query = async (sql, parameters = []) => transaction.query(sql, [...parameters]);
    const retiredBelow = await retiredBelowIn(query);
    const first = await firstWholeHour(query, retiredBelow, hours);
    const start = startOf(position, first, hours.end);
    const isFirst = start <= first;
    const ofRuns = isFirst ? await runFindings(query, hours, retiredBelow === 0) : [];
    const { end, wrongHours } =
      start < hours.end
        ? await this.statistics.recount(start, hours.end)
        : { end: start, wrongHours: [] };
    const isComplete = end >= hours.end;
    const isWithin = placesWithin(isFirst ? undefined : start, isComplete ? undefined : end);
    return {
      position: { next: isComplete ? 0 : end },
      progress: isComplete ? 1 : (end - first) / (hours.end - first),
      isComplete,
      found: [
        ...ofRuns,
        ...wrongHours.map((hour): Finding => {
          const detail = `counts of the hour from ${new Date(hour).toISOString()}`;
          return { place: String(hour), kind: KIND, detail };
        }),
      ],
      isChecked: (place) => (place === RUNS ? isFirst : isWithin(place)),
    };
  }
}

/** A slice begins at an hour whose counts are stored; a pass begins anew at any other position. */
function startOf({ next }: PartPosition, first: number, end: number): number {
  const isHour = typeof next === 'number' && next % HOUR_MS === 0;
  return isHour && next > first && next < end ? next : first;
}

/** Hours of retired entries can't be counted again. */
async function firstWholeHour(
  query: Query,
  retiredBelow: number,
  { start }: StoredHours,
): Promise<number> {
  if (retiredBelow === 0) return start;
  const oldest = await oldestRetainedAt(query, retiredBelow);
  const nextHour = oldest ? Math.floor(oldest.getTime() / HOUR_MS + 1) * HOUR_MS : Infinity;
  return Math.max(start, nextHour);
}

/** The ranges of hours follow one another without gaps from the first entry on, and every count is in one. */
async function runFindings(
  query: Query,
  { faults, isEarly }: StoredHours,
  hasFirstEntry: boolean,
): Promise<Finding[]> {
  const [row] = await query<{ strays: string }>(
    `SELECT count(*) AS strays FROM audit_statistic s WHERE NOT EXISTS
       (SELECT FROM audit_statistic_run r WHERE s.hour >= r.start_at AND s.hour < r.end_at)`,
  );
  const strays = Number(row?.strays ?? 0);
  const wrong = faults + Number(hasFirstEntry && isEarly);
  return [
    ...(wrong > 0 ? [`${wrong} ranges of counted hours`] : []),
    ...(strays > 0 ? [`${strays} counts of hours that were not counted`] : []),
  ].map((detail) => ({ place: RUNS, kind: KIND, detail }));
}
