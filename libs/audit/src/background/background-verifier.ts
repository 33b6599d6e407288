import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import {
  Clock,
  DatabaseUnavailable,
  Logger,
  type ReadinessAnswer,
  ReadinessChecks,
  ReadingDatabase,
  sqlState,
  Sweeps,
} from '#libs/platform';
import { LogKeys } from '../log/log-keys.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { FindingRecorder } from './finding-recorder.js';
import { LogPart } from './log-part.js';
import { StatisticsPart } from './statistics-part.js';
import { isBeyondBound, MAX_INTERVAL_MS, passMsOf } from './verification-bound.js';
import { VerificationMetrics } from './verification-metrics.js';
import {
  type Finding,
  isSameFinding,
  keepRecorded,
  MAX_FINDINGS,
  type PartState,
  type VerifiedPart,
  VerifiedParts,
} from './verified-part.js';
import { type StoredPart, VerificationStore } from './verification-store.js';

const MIN_INTERVAL_MS = 200;
const SERIALIZATION_FAILURE = '40001';

/**
 * Verifies all parts again and again, in slices: one at a time over all replicas, over the connections of
 * readers, and in the pauses that the issuance of tokens leaves. Each pass ends within
 * `AUDIT_VERIFICATION_SECONDS`.
 */
@Injectable()
export class BackgroundVerifier implements OnApplicationBootstrap {
  readonly #passMs: number;
  #stored: readonly StoredPart[] = [];

  constructor(
    private readonly database: ReadingDatabase,
    private readonly keys: LogKeys,
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

  /** Checks what was added, then every slice that is due. */
  async run(signal?: AbortSignal): Promise<void> {
    let isRecording = true;
    for (let isNew = true; !signal?.aborted; isNew = false) {
      const startedAt = performance.now();
      const isMore = await this.#checkNext(isNew);
      await this.#refresh();
      // A log that can't be appended to keeps the checks waiting once.
      isRecording &&= await this.recorder.record(this.#stored);
      if (!isMore) return;
      // At most half of the time, when it is late.
      await this.clock.sleep(performance.now() - startedAt, signal).catch(() => undefined);
    }
  }

  /** @returns whether more may be due */
  async #checkNext(isNew: boolean): Promise<boolean> {
    const changes: { part: string; before: readonly Finding[]; after: readonly Finding[] }[] = [];
    try {
      const isMore = await this.database.transaction(async (transaction) => {
        const store = new VerificationStore(transaction, this.#passMs);
        if (!(await store.lock())) return false;
        const trust = await this.keys.trust(transaction);
        const states = await store.read(this.parts.all.map(({ name }) => name));
        const change = async (part: VerifiedPart, before: PartState, checked: PartState) => {
          const after = { ...checked, findings: keepRecorded(before.findings, checked.findings) };
          await store.write(part.name, after);
          changes.push({ part: part.name, before: before.findings, after: after.findings });
          return after;
        };
        for (const part of isNew ? this.parts.all : []) {
          const state = states.find((one) => one.part === part.name);
          if (!part.checkNew || !state || Object.keys(state.position).length === 0) continue;
          const checked = await part.checkNew(transaction, state, trust);
          Object.assign(state, await change(part, state, checked));
        }
        const [due] = states
          .filter(({ lateMs }) => lateMs >= 0)
          .sort((a, b) => b.lateMs - a.lateMs);
        const part = this.parts.all.find(({ name }) => name === due?.part);
        if (!part || !due) return false;
        await change(part, due, await part.check(transaction, due, trust));
        return true;
      });
      for (const { part, before, after } of changes) this.#log(part, before, after);
      return isMore;
    } catch (error) {
      // Another replica was faster.
      const cause = error instanceof DatabaseUnavailable ? error.cause : error;
      if (sqlState(cause) === SERIALIZATION_FAILURE) return false;
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    const names = new Set(this.parts.all.map(({ name }) => name));
    const stored = await this.database.run(async (manager) =>
      new VerificationStore(manager, this.#passMs).all(),
    );
    this.#stored = stored.filter(({ part }) => names.has(part));
    for (const { part, findings, lateMs } of this.#stored) {
      this.metrics.findings.set({ part }, findings.length);
      this.metrics.lateSeconds.set({ part }, Math.max(0, lateMs) / 1_000);
    }
  }

  /** Each finding once, by the replica that found it. */
  #log(part: string, before: readonly Finding[], after: readonly Finding[]): void {
    for (const finding of after) {
      if (before.some((one) => isSameFinding(one, finding))) continue;
      this.logger.error({ part, kind: finding.kind, detail: finding.detail }, 'damage found');
    }
    // Others are left out of a full list.
    if (after.length >= MAX_FINDINGS) return;
    for (const finding of before) {
      if (after.some((one) => isSameFinding(one, finding))) continue;
      this.logger.warn(
        { part, kind: finding.kind, detail: finding.detail },
        'damage not found again',
      );
    }
  }

  #answer(): ReadinessAnswer {
    const found = this.#stored.flatMap(({ part, findings }) =>
      findings.map(({ kind, detail }) => `${part}: ${kind}, ${detail}`),
    );
    const late = this.#stored
      .filter(({ lateMs }) => isBeyondBound(lateMs, this.settings.verificationMs))
      .map(({ part }) => part);
    const degradations = [
      ...(found.length > 0 ? [`findings: ${found.length}; the first is ${found[0] ?? ''}`] : []),
      ...(late.length > 0 ? [`the checks are late: ${late.join(', ')}`] : []),
    ];
    return {
      isReady: true,
      ...(degradations.length > 0 && { degradation: degradations.join('; ') }),
    };
  }
}
