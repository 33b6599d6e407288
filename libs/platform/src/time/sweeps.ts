import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Logger } from '../logging/logger.js';
import { Clock } from './clock.js';
import { PeriodicTask, type PeriodicTaskOptions } from './periodic-task.js';
import { workByResource, type WorkByResource } from './work-by-resource.js';

/** How long a sweep that is under way may continue once it may not run. */
const RECHECK_MS = 1_000;

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
  #mayRun: (() => Promise<boolean>) | undefined;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  /** From now on sweeps have no schedule: they run in `runAll` only. Call it before they are started. */
  leaveToCaller(): void {
    this.#isScheduled = false;
  }

  /**
   * From now on sweeps do nothing while this replica can't do their work, so that they take no lease of it
   * from the replicas that can. One that is under way ends between two batches.
   *
   * @param mayRun called before each run and every second of it. Never rejects
   */
  runOnlyWhile(mayRun: () => Promise<boolean>): void {
    this.#mayRun = mayRun;
  }

  /** Adds a sweep; the end of the application stops it. Call it once the application is initialised. */
  start(options: SweepOptions): void {
    const { clock, logger } = this;
    const run = async (signal: AbortSignal): Promise<void> => this.#run(options, signal);
    const task = new PeriodicTask({ ...options, run, clock, logger });
    this.#tasks.set(options.name, task);
    if (this.#isScheduled) task.start();
  }

  /**
   * Runs every sweep once, at the same time, and waits for the end. What fails is logged and stops no other.
   * Never rejects.
   *
   * @param signal ends the sweeps between two batches
   * @returns the names of those that failed, were ended or did nothing because they may not run
   */
  async runAll(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#mayRun && !(await this.#mayRun())) return [...this.#tasks.keys()];
    const results = await Promise.all(
      [...this.#tasks].map(async ([name, task]) => ({ name, isDone: await task.runOnce(signal) })),
    );
    return results.flatMap(({ name, isDone }) => (isDone && !signal.aborted ? [] : [name]));
  }

  /** As `workByResource`: for a sweep whose work is on several ACS resources. */
  async byResource(work: WorkByResource, signal?: AbortSignal): Promise<void> {
    await workByResource(work, this.clock, signal);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map(async (task) => task.stop()));
  }

  async #run({ run }: SweepOptions, signal: AbortSignal): Promise<void> {
    const mayRun = this.#mayRun;
    if (!mayRun) return run(signal);
    if (!(await mayRun())) return;
    const end = new AbortController();
    const until = AbortSignal.any([signal, end.signal]);
    void this.#endUnless(mayRun, end, until);
    try {
      await run(until);
    } finally {
      end.abort();
    }
  }

  async #endUnless(
    mayRun: () => Promise<boolean>,
    end: AbortController,
    signal: AbortSignal,
  ): Promise<void> {
    const pause = async (): Promise<boolean> =>
      this.clock.sleep(RECHECK_MS, signal).then(
        () => true,
        () => false,
      );
    while (await pause()) if (!(await mayRun())) end.abort();
  }
}
