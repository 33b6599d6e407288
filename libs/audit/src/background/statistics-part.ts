import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/platform';
import { EntryStatistics, type StoredHours } from '../query/entry-statistics.js';
import { retiredBelowIn } from '../verify/retired-entries.js';
import {
  type CheckedSlice,
  type Finding,
  mergeFindings,
  type PartState,
  type VerifiedPart,
} from './verified-part.js';

const RUNS = 'runs';
const KIND = 'statistic-differs';

/** The stored counts of past hours, against the entries. The entries themselves are another part. */
@Injectable()
export class StatisticsPart implements VerifiedPart {
  readonly name = 'statistics';

  constructor(private readonly statistics: EntryStatistics) {}

  async check(transaction: Transaction, { position, findings }: PartState): Promise<CheckedSlice> {
    const hours = await this.statistics.storedHours();
    const first = await firstWholeHour(transaction, hours);
    const start = Math.max(Number(position.next ?? 0), first);
    const others =
      start > first
        ? findings
        : mergeFindings(findings, (place) => place === RUNS, await runFindings(transaction, hours));
    if (start >= hours.end) {
      const isElsewhere = (place: string): boolean => place !== RUNS && Number(place) >= hours.end;
      return {
        position: { next: 0 },
        progress: 1,
        isComplete: true,
        findings: mergeFindings(others, isElsewhere, []),
      };
    }
    const { end, wrongHours } = await this.statistics.recount(start, hours.end);
    const found = wrongHours.map((hour): Finding => {
      const detail = `counts of the hour from ${new Date(hour).toISOString()}`;
      return { place: String(hour), kind: KIND, detail };
    });
    const isComplete = end >= hours.end;
    return {
      position: { next: isComplete ? 0 : end },
      progress: isComplete ? 1 : (end - first) / (hours.end - first),
      isComplete,
      findings: mergeFindings(
        others,
        (place) => place !== RUNS && Number(place) < end && Number(place) >= start,
        found,
      ),
    };
  }
}

/** Hours of retired entries can't be counted again. */
async function firstWholeHour(transaction: Transaction, { start }: StoredHours): Promise<number> {
  const retiredBelow = await retiredBelowIn(async (sql, parameters = []) =>
    transaction.query(sql, [...parameters]),
  );
  if (retiredBelow === 0) return start;
  const [row] = await transaction.query<{ hour: Date | null }[]>(
    `SELECT date_trunc('hour', min(recorded_at) + interval '1 hour', 'UTC') AS hour FROM audit_entry`,
  );
  return Math.max(start, Number(row?.hour ?? Infinity));
}

/** The ranges of hours follow one another without gaps, and every count is in one. */
async function runFindings(transaction: Transaction, { faults }: StoredHours): Promise<Finding[]> {
  const [row] = await transaction.query<{ strays: string }[]>(
    `SELECT count(*) AS strays FROM audit_statistic s WHERE NOT EXISTS
       (SELECT FROM audit_statistic_run r WHERE s.hour >= r.start_at AND s.hour < r.end_at)`,
  );
  const strays = Number(row?.strays ?? 0);
  return [
    ...(faults > 0 ? [`${faults} ranges of counted hours`] : []),
    ...(strays > 0 ? [`${strays} counts of hours that were not counted`] : []),
  ].map((detail) => ({ place: RUNS, kind: KIND, detail }));
}
