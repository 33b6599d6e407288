import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  Clock,
  Database,
  Logger,
  PeriodicTask,
  type ReadinessAnswer,
  ReadinessChecks,
  Sweeps,
} from '#libs/platform';
import { ClockOutOfBounds } from '../errors.js';
import { AuditMetrics } from '../metrics.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { LogTime } from './log-time.js';

const MEASURE_INTERVAL_MS = 10_000;
/** An older measurement is repeated before it is relied on. */
const MAX_AGE_MS = 30_000;
/** Between two measurements that failed appends cause. */
const MIN_INTERVAL_MS = 500;

/** One comparison of this process's clock with that of the database. */
export interface ClockMeasurement {
  /** Positive when this process is ahead. */
  readonly offsetMs: number;
  /** The true offset differs by at most this: half of the time that the query took. */
  readonly uncertaintyMs: number;
}

interface Sample extends ClockMeasurement {
  /** Of the database, halfway through the query. */
  readonly databaseMs: number;
  /** `performance.now()` at that time: steps of the wall clock don't change it. */
  readonly atMs: number;
}

/** Compares the clocks with one query. @throws DatabaseUnavailable */
export async function measureClock(database: Database, clock: Clock): Promise<Sample> {
  const sentAt = performance.now();
  const [row] = await database.query<{ ms: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
  );
  const answeredAt = performance.now();
  const uncertaintyMs = (answeredAt - sentAt) / 2;
  const databaseMs = row?.ms ?? NaN;
  const offsetMs = clock.now() - uncertaintyMs - databaseMs;
  return { offsetMs, uncertaintyMs, databaseMs, atMs: answeredAt - uncertaintyMs };
}

/** Whether the offset is certainly beyond the tolerance. */
export function isBeyond(
  { offsetMs, uncertaintyMs }: ClockMeasurement,
  toleranceMs: number,
): boolean {
  return Math.abs(offsetMs) - uncertaintyMs > toleranceMs;
}

/** An offset for operators. */
export function describeOffset(offsetMs: number): string {
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1);
  return `${seconds} s ${offsetMs < 0 ? 'behind' : 'ahead of'} the database’s clock`;
}

/**
 * Keeps the times of the log true: a process whose clock is off by more than
 * `AUDIT_CLOCK_TOLERANCE_MS` records nothing, because times in the log never decrease, so that one
 * clock that is ahead would move the times of all replicas.
 *
 * The database's clock is the reference. Between measurements the monotonic clock continues it, so that
 * a step of the wall clock is noticed at the next append.
 */
@Injectable()
export class ClockBound implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #task: PeriodicTask;
  #sample: Sample | undefined;
  #measuring: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    logger: Logger,
    private readonly readiness: ReadinessChecks,
    private readonly metrics: AuditMetrics,
    private readonly sweeps: Sweeps,
    private readonly logTime: LogTime,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    this.#task = new PeriodicTask({
      name: 'clock measurement',
      run: async () => {
        await this.#measure();
        await this.logTime.problem(); // for its metric
      },
      intervalMs: MEASURE_INTERVAL_MS,
      runsAtStart: true,
      clock,
      logger,
    });
  }

  /** Before any sweep starts: what it would do can't be recorded, and ACS refuses the date of its calls. */
  onModuleInit(): void {
    this.sweeps.runOnlyWhile(async () => this.#isRight());
  }

  onApplicationBootstrap(): void {
    this.#task.start();
    this.readiness.register('clock', async () => this.#answer());
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }

  /** Whether the clock is known to be off. False until the first measurement. */
  get isOff(): boolean {
    const now = this.#now();
    return now !== undefined && isBeyond(now, this.settings.clockToleranceMs);
  }

  /**
   * @param timesMs times that are about to be recorded, at most `AUDIT_TIMEOUT_MS` old
   * @throws ClockOutOfBounds when the clock, or one of the times, is off
   * @throws DatabaseUnavailable
   */
  async assertWithin(timesMs: Iterable<number>): Promise<void> {
    await this.#ensureRecent();
    const { clockToleranceMs, timeoutMs } = this.settings;
    const now = this.#now();
    if (!now) return;
    if (isBeyond(now, clockToleranceMs)) throw new ClockOutOfBounds(describeOffset(now.offsetMs));
    const databaseMs = this.clock.now() - now.offsetMs;
    for (const timeMs of timesMs) {
      const offsetMs = timeMs - databaseMs;
      const isLate = offsetMs < -(clockToleranceMs + now.uncertaintyMs + timeoutMs);
      if (isLate || offsetMs > clockToleranceMs + now.uncertaintyMs) {
        throw new ClockOutOfBounds(`${describeOffset(offsetMs)} when the event occurred`);
      }
    }
  }

  /** Also without a measurement, when the database does not answer. */
  async #isRight(): Promise<boolean> {
    await this.#ensureRecent().catch(() => undefined);
    return !this.isOff;
  }

  async #answer(): Promise<ReadinessAnswer> {
    await this.#ensureFresh(MIN_INTERVAL_MS);
    const { clockToleranceMs } = this.settings;
    const now = this.#now();
    if (!now || !isBeyond(now, clockToleranceMs)) return this.#answerOfLog();
    const reason = `the clock is ${describeOffset(now.offsetMs)}; at most ${clockToleranceMs} ms are allowed`;
    return { isReady: false, reason };
  }

  /** A time that is ahead is wrong, but every token is recorded. */
  async #answerOfLog(): Promise<ReadinessAnswer> {
    const degradation = await this.logTime.problem();
    return { isReady: true, ...(degradation !== undefined && { degradation }) };
  }

  /** The offset at this moment. */
  #now(): ClockMeasurement | undefined {
    if (!this.#sample) return undefined;
    const { databaseMs, atMs, uncertaintyMs } = this.#sample;
    const expectedMs = databaseMs + performance.now() - atMs;
    return { offsetMs: this.clock.now() - expectedMs, uncertaintyMs };
  }

  async #ensureRecent(): Promise<void> {
    await this.#ensureFresh(this.isOff ? MIN_INTERVAL_MS : MAX_AGE_MS);
  }

  async #ensureFresh(maxAgeMs: number): Promise<void> {
    if (this.#sample && performance.now() - this.#sample.atMs <= maxAgeMs) return;
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = undefined;
    });
    await this.#measuring;
  }

  async #measure(): Promise<void> {
    this.#sample = await measureClock(this.database, this.clock);
    this.metrics.clockOffsetSeconds.set(this.#sample.offsetMs / 1000);
  }
}
