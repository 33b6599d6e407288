import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Logger } from '../logging/logger.js';
import { Clock } from './clock.js';
import { PeriodicTask, type PeriodicTaskOptions } from './periodic-task.js';

/** A sweep is a `PeriodicTask` with the clock and the log of the service. */
export type SweepOptions = Omit<PeriodicTaskOptions, 'clock' | 'logger'>;

/**
 * The background work on data that all replicas share, so that a run in any of them serves all: deleting
 * what has expired, completing what a crash left. Work on the memory of a process, such as cached keys, is
 * a `PeriodicTask` of its own.
 *
 * Each replica runs the sweeps on their schedules, unless a scheduler outside the process calls `runAll`.
 * Sweeps are idempotent and may run in several replicas at once.
 */
@Injectable()
export class Sweeps implements OnModuleDestroy {
  readonly #tasks = new Map<string, PeriodicTask>();
  #isScheduled = true;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  /** From now on sweeps have no schedule: they run in `runAll` only. Call it before they are started. */
  leaveToCaller(): void {
    this.#isScheduled = false;
  }

  /** Adds a sweep; the end of the application stops it. Call it once the application is initialised. */
  start(options: SweepOptions): void {
    const { clock, logger } = this;
    const task = new PeriodicTask({ ...options, clock, logger });
    this.#tasks.set(options.name, task);
    if (this.#isScheduled) task.start();
  }

  /**
   * Runs every sweep once, at the same time, and waits for the end. What fails is logged and stops no other.
   * Never rejects.
   *
   * @param signal ends the sweeps between two batches
   * @returns the names of those that failed or were ended
   */
  async runAll(signal: AbortSignal): Promise<readonly string[]> {
    const results = await Promise.all(
      [...this.#tasks].map(async ([name, task]) => ({ name, isDone: await task.runOnce(signal) })),
    );
    return results.flatMap(({ name, isDone }) => (isDone && !signal.aborted ? [] : [name]));
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map(async (task) => task.stop()));
  }
}
