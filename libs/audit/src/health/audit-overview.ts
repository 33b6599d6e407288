import { Inject, Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { verifiedEntries } from '../background/log-part.js';
import { isBeyondBound, passMsOf } from '../background/verification-bound.js';
import { VerificationStore } from '../background/verification-store.js';
import { type Finding, VerifiedParts } from '../background/verified-part.js';
import { LogReader } from '../log/log-reader.js';
import { LogTime } from '../log/log-time.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type WitnessHealth, WitnessOverview } from './witness-overview.js';

/** How far the log is, and which entries it still has. */
export interface LogHealth {
  readonly size: number;
  /** When the newest checkpoint was committed; absent while the log is empty. */
  readonly checkpointAt: Date | undefined;
  /** The oldest entry that is stored; absent while the log is empty. */
  readonly oldest: { readonly index: number; readonly recordedAt: Date } | undefined;
  /** The months of UTC whose entries are stored, such as `2026-11`, oldest first. */
  readonly months: readonly string[];
}

/** How far the checks of a part are. */
export interface PartHealth {
  readonly name: string;
  /** From 0 to 1: how much of the pass is done. */
  readonly progress: number;
  /** In the future while the next pass is not due. */
  readonly passStartedAt: Date;
  /** How many of the first entries were verified since they were added; of the log only. */
  readonly verifiedEntries: number | undefined;
  /** Whether an edit may be found after the bound; `undefined` in a process that does not verify. */
  readonly isLate: boolean | undefined;
  readonly findings: readonly Finding[];
}

/** How the log does. Nothing in it is of an entry or a person. */
export interface AuditHealth {
  readonly log: LogHealth;
  readonly verification: readonly PartHealth[];
  readonly witnesses: WitnessHealth | undefined;
  /** Sentences for people, each something to look at. */
  readonly concerns: readonly string[];
}

/** Rows with other times are none of the log: the checks report them. */
const IS_TIME = `recorded_at BETWEEN '2000-01-01' AND '2200-01-01'`;

/** Sums up how the log, its background verifier and its witnesses do, over all replicas. */
@Injectable()
export class AuditOverview {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly log: LogReader,
    private readonly parts: VerifiedParts,
    private readonly witnesses: WitnessOverview,
    private readonly logTime: LogTime,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  async read(): Promise<AuditHealth> {
    const verification = await this.#verification();
    const witnesses = await this.witnesses.read();
    const timeProblem = await this.logTime.problem();
    return {
      log: await this.#log(),
      verification,
      witnesses,
      concerns: [
        ...(timeProblem === undefined ? [] : [timeProblem]),
        ...verification.flatMap(concernsOf),
        ...(witnesses?.concerns ?? []),
      ],
    };
  }

  /** @throws AuditUnavailable when the log does not continue what this process saw before */
  async #log(): Promise<LogHealth> {
    const { size } = await this.log.checkpoint();
    const [head] = await this.database.query<{ at: Date }>(
      `SELECT recorded_at AS at FROM audit_head WHERE size = $1 AND ${IS_TIME}`,
      [size],
    );
    const [oldest] = await this.database.query<{ index: string; at: Date }>(
      `SELECT entry_index AS index, recorded_at AS at FROM audit_entry
       WHERE entry_index BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER} AND ${IS_TIME}
       ORDER BY recorded_at, entry_index LIMIT 1`,
    );
    return {
      size,
      checkpointAt: head?.at,
      oldest: oldest && { index: Number(oldest.index), recordedAt: oldest.at },
      months: oldest && head ? monthsOf(oldest.at, head.at) : [],
    };
  }

  async #verification(): Promise<PartHealth[]> {
    const { verificationMs } = this.settings;
    const parts = this.parts.all.map(({ name }) => name);
    const checked = verificationMs === 0 ? [] : parts;
    const stored = await this.database.run(async (manager) =>
      new VerificationStore(manager, passMsOf(verificationMs)).all(),
    );
    const known = stored.filter(({ part }) => parts.includes(part));
    return known.map(({ part, progress, passStartedAt, position, findings, lateMs }) => ({
      name: part,
      progress,
      passStartedAt,
      verifiedEntries: part === 'log' ? verifiedEntries(position) : undefined,
      isLate: checked.includes(part) ? isBeyondBound(lateMs, verificationMs) : undefined,
      findings,
    }));
  }
}

/** Retention drops the oldest months whole, so that none between two entries is missing. */
function monthsOf(oldest: Date, newest: Date): string[] {
  const months: string[] = [];
  const month = new Date(Date.UTC(oldest.getUTCFullYear(), oldest.getUTCMonth()));
  for (; month <= newest; month.setUTCMonth(month.getUTCMonth() + 1))
    months.push(month.toISOString().slice(0, 7));
  return months;
}

function concernsOf({ name, isLate, findings }: PartHealth): string[] {
  const [first] = findings;
  return [
    ...(isLate === true ? [`the checks of the part ${name} are late`] : []),
    ...(first
      ? [`findings in the part ${name}: ${findings.length}; the first: ${first.detail}`]
      : []),
  ];
}
