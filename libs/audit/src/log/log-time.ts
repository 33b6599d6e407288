import { Inject, Injectable } from '@nestjs/common';
import { Database } from '#libs/platform';
import { AuditMetrics } from '../metrics.js';
import { auditSettings, type AuditSettings } from '../settings.js';

/** The time that the next entry can't be earlier than. */
export interface NewestTime {
  /** Of the newest entry. */
  readonly recordedAt: Date;
  /** Positive when it is ahead of the database's clock. */
  readonly aheadMs: number;
}

/** @returns `undefined` for an empty log, and for a time that no entry has. @throws DatabaseUnavailable */
export async function measureNewestTime(database: Database): Promise<NewestTime | undefined> {
  const [row] = await database.query<{ ms: number; ahead_ms: number }>(
    `SELECT (extract(epoch FROM recorded_at) * 1000)::float8 AS ms,
       (extract(epoch FROM recorded_at - clock_timestamp()) * 1000)::float8 AS ahead_ms
     FROM (SELECT recorded_at FROM audit_head ORDER BY size DESC LIMIT 1) AS newest
     WHERE recorded_at BETWEEN '2000-01-01' AND '9999-12-31'`,
  );
  return row && { recordedAt: new Date(row.ms), aheadMs: row.ahead_ms };
}

/** What is wrong with the newest time; `undefined` within the tolerance. */
export function newestTimeProblem(
  newest: NewestTime | undefined,
  toleranceMs: number,
): string | undefined {
  if (!newest || newest.aheadMs <= toleranceMs) return undefined;
  const time = newest.recordedAt.toISOString();
  return `the newest entry is ahead of the database’s clock: every entry gets its time, ${time}, until that has passed`;
}

/**
 * Compares the time that the log writes with the database's clock. Times in the log never decrease, so after
 * a clock of the database that was ahead and was set right, every entry has the time of the newest one.
 */
@Injectable()
export class LogTime {
  constructor(
    private readonly database: Database,
    private readonly metrics: AuditMetrics,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /** What is wrong now; `undefined` within `AUDIT_CLOCK_TOLERANCE_MS`. @throws DatabaseUnavailable */
  async problem(): Promise<string | undefined> {
    const newest = await measureNewestTime(this.database);
    this.metrics.logAheadSeconds.set(Math.max(0, newest?.aheadMs ?? 0) / 1000);
    return newestTimeProblem(newest, this.settings.clockToleranceMs);
  }
}
