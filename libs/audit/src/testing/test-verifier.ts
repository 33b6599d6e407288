import { ReadinessChecks, ReadingDatabase, Sweeps } from '#libs/platform';
import { Registry } from 'prom-client';
import { BackgroundVerifier } from '../background/background-verifier.js';
import { FindingRecorder } from '../background/finding-recorder.js';
import { LogPart } from '../background/log-part.js';
import { RecordedFindings } from '../background/recorded-findings.js';
import { StatisticsPart } from '../background/statistics-part.js';
import { VerificationMetrics } from '../background/verification-metrics.js';
import { type Finding, type VerifiedPart, VerifiedParts } from '../background/verified-part.js';
import { LogKeys } from '../log/log-keys.js';
import { EntryStatistics } from '../query/entry-statistics.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import type { AuditTrail } from '../trail/audit-trail.js';
import type { TestLog } from './test-log.js';

/** The background verifier of one replica, which runs when a test says so. */
export class TestVerifier {
  readonly registry = new Registry();
  readonly readiness: ReadinessChecks;
  readonly #sweeps: Sweeps;
  readonly #verifier: BackgroundVerifier;

  /** @param verificationMs the bound; a sweep keeps it when `start` is called */
  constructor(
    private readonly log: TestLog,
    more: readonly VerifiedPart[] = [],
    verificationMs = 3_600_000,
    trail: AuditTrail = log.trail,
  ) {
    const { clock, logger } = log;
    const parts = new VerifiedParts();
    this.readiness = new ReadinessChecks(logger, this.registry);
    this.#sweeps = new Sweeps(clock, logger);
    this.#verifier = new BackgroundVerifier(
      log.get(ReadingDatabase),
      parts,
      this.#sweeps,
      this.readiness,
      new VerificationMetrics(this.registry),
      clock,
      logger,
      new FindingRecorder(trail, log.get(RecordedFindings), logger),
      new LogPart(log.get(DatabaseVerifier), log.get(LogKeys)),
      new StatisticsPart(log.get(EntryStatistics)),
      { ...log.settings, verificationMs },
    );
    for (const part of more) parts.add(part);
  }

  /** Registers the readiness check, and runs on schedule until `stop`. */
  start(): void {
    this.#verifier.onApplicationBootstrap();
  }

  async stop(): Promise<void> {
    await this.#sweeps.onModuleDestroy();
  }

  /** Checks what is new and what is due. */
  async run(): Promise<void> {
    await this.#verifier.run();
  }

  /** Checks everything, as within one bound. */
  async pass(): Promise<void> {
    await this.run();
    await this.log.database.query(
      `UPDATE audit_verification SET pass_started_at = now() - interval '1 day'`,
    );
    await this.run();
  }

  async findings(): Promise<(Finding & { readonly part: string })[]> {
    const rows = await this.log.database.query<{ part: string; findings: Finding[] }>(
      'SELECT part, findings FROM audit_verification ORDER BY part',
    );
    return rows.flatMap(({ part, findings }) => findings.map((one) => ({ part, ...one })));
  }
}
