import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import {
  Clock,
  explain,
  Logger,
  type ReadinessAnswer,
  ReadinessChecks,
  ReadingDatabase,
  Sweeps,
} from '#libs/platform';
import { auditSettings, type AuditSettings } from '../settings.js';
import { FindingRecorder } from './finding-recorder.js';
import { LogPart } from './log-part.js';
import { type CheckKind, type PartCheck, PartChecks, PartFailed } from './part-checks.js';
import { StatisticsPart } from './statistics-part.js';
import { isBeyondBound, MAX_INTERVAL_MS, passMsOf } from './verification-bound.js';
import { VerificationMetrics } from './verification-metrics.js';
import { VerifiedParts } from './verified-part.js';
import { type StoredPart, VerificationStore } from './verification-store.js';

const MIN_INTERVAL_MS = 200;

/**
 * Verifies all parts again and again, in slices: one at a time over all replicas, over the connections of
 * readers, and in the pauses that the issuance of tokens leaves. Each pass ends within
 * `AUDIT_VERIFICATION_SECONDS`.
 */
@Injectable()
export class BackgroundVerifier implements OnApplicationBootstrap {
  readonly #passMs: number;
  readonly #checks: PartChecks;
  /** By `failureKey`, why the last check failed. */
  readonly #failures = new Map<string, string>();
  #stored: readonly StoredPart[] = [];

  constructor(
    private readonly database: ReadingDatabase,
    private readonly parts: VerifiedParts,
    private readonly sweeps: Sweeps,
    private readonly readiness: ReadinessChecks,
    private readonly metrics: VerificationMetrics,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly recorder: FindingRecorder,
    log: LogPart,
    statistics: StatisticsPart,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    this.#passMs = passMsOf(settings.verificationMs);
    parts.add(log);
    parts.add(statistics);
    this.#checks = new PartChecks(database, parts.all, this.#passMs, clock);
  }

  onApplicationBootstrap(): void {
    if (this.settings.verificationMs === 0) return;
    this.readiness.register('verification', async () => Promise.resolve(this.#answer()));
    this.sweeps.start({
      name: 'audit verification',
      intervalMs: Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, this.#passMs / 100)),
      jitter: 0.2,
      runsAtStart: true,
      run: async (signal) => this.run(signal),
    });
  }

  /** Checks what was added and a slice with findings of each part, then every slice that is due. */
  async run(signal?: AbortSignal): Promise<void> {
    const failed = new Set<string>();
    for (const part of this.parts.all) {
      if (signal?.aborted) return;
      if (part.checkNew) await this.#attempt('new', async () => this.#checks.checkNew(part));
      await this.#attempt('again', async () => this.#checks.checkAgain(part));
    }
    let isRecording = true;
    for (let isMore = true; isMore && !signal?.aborted;) {
      const startedAt = performance.now();
      isMore = await this.#attempt('due', async () => this.#checks.checkDue(failed), failed);
      await this.#refresh();
      // A log that can't be appended to keeps the checks waiting once.
      isRecording &&= await this.recorder.record(this.#stored);
      // At most half of the time, when it is late.
      if (isMore)
        await this.clock.sleep(performance.now() - startedAt, signal).catch(() => undefined);
    }
  }

  /**
   * Runs one check. A part that fails is late until it no longer does.
   *
   * @param failed gets the name of such a part, so that it has no other turn in this run
   * @returns whether more may be due
   */
  async #attempt(
    kind: CheckKind,
    check: () => Promise<PartCheck | undefined>,
    failed?: Set<string>,
  ): Promise<boolean> {
    try {
      const checked = await check();
      if (!checked) return false;
      this.#failures.delete(failureKey(checked.part, kind));
      this.recorder.note(checked);
      return true;
    } catch (error) {
      if (!(error instanceof PartFailed)) throw error;
      const { part, cause } = error;
      failed?.add(part);
      const reason = explain(cause);
      // Once, because it is tried again at each run.
      if (this.#failures.get(failureKey(part, kind)) !== reason) {
        this.logger.error({ part, error: cause }, 'part not checked');
      }
      this.#failures.set(failureKey(part, kind), reason);
      return true;
    }
  }

  async #refresh(): Promise<void> {
    const names = new Set(this.parts.all.map(({ name }) => name));
    const stored = await this.database.run(async (manager) =>
      new VerificationStore(manager, this.#passMs).all(),
    );
    this.#stored = stored.filter(({ part }) => names.has(part));
    for (const { part, findings, lateMs } of this.#stored) {
      // Nothing is left to check again, so no later check removes it.
      if (findings.length === 0) this.#failures.delete(failureKey(part, 'again'));
      this.metrics.findings.set({ part }, findings.length);
      this.metrics.lateSeconds.set({ part }, Math.max(0, lateMs) / 1_000);
    }
  }

  #answer(): ReadinessAnswer {
    const degradations = [this.#findingsText(), this.#failuresText(), this.#lateText()];
    const degradation = degradations.filter((text) => text !== undefined).join('; ');
    return { isReady: true, ...(degradation !== '' && { degradation }) };
  }

  #findingsText(): string | undefined {
    const found = this.#stored.flatMap(({ part, findings }) =>
      findings.map(({ kind, detail }) => `${part}: ${kind}, ${detail}`),
    );
    const [first] = found;
    return first && `findings: ${found.length}; the first is ${first}`;
  }

  #failuresText(): string | undefined {
    const failures = [...this.#failures].map(([key, reason]) => `${key} (${reason})`);
    return failures.length > 0 ? `not checked: ${failures.join(', ')}` : undefined;
  }

  #lateText(): string | undefined {
    const late = this.#stored
      .filter(({ lateMs }) => isBeyondBound(lateMs, this.settings.verificationMs))
      .map(({ part }) => part);
    return late.length > 0 ? `the checks are late: ${late.join(', ')}` : undefined;
  }
}

function failureKey(part: string, kind: CheckKind): string {
  return `${part} ${kind}`;
}
