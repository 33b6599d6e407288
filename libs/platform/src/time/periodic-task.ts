import type { Logger } from '../logging/logger.js';
import type { Clock } from './clock.js';

export interface PeriodicTaskOptions {
  /** Names the task in log lines. */
  readonly name: string;
  /** @param signal aborts when the task is stopped */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** From the end of a run to the start of the next; a function is called once for each pause. */
  readonly intervalMs: number | (() => number);
  /** From 0 to 1: each pause is shortened by a random part up to this, so that replicas spread. Default: 0. */
  readonly jitter?: number;
  /** Pause after the nth failure in a row, without jitter. Default: the interval. */
  readonly retryMs?: (failureCount: number) => number;
  /** Whether the first run starts at once instead of after a pause. Default: false. */
  readonly runsAtStart?: boolean;
  /** Whether the first run that succeeds is the last one. Default: false. */
  readonly endsOnSuccess?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A background task that runs again and again until it is stopped. Runs never overlap. A run that fails
 * is logged and repeated after the pause.
 */
export class PeriodicTask {
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;
  #running: Promise<boolean> | undefined;

  constructor(private readonly options: PeriodicTaskOptions) {}

  /** Starts the task, once. Returns at once. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * Runs now, also if the task was not started, and waits for the end. A run that is under way is awaited
   * instead. Never rejects.
   *
   * @param signal aborts this run
   * @returns whether the run succeeded
   */
  async runOnce(signal?: AbortSignal): Promise<boolean> {
    const signals = [this.#stop.signal, ...(signal ? [signal] : [])];
    if (signals.some(({ aborted }) => aborted)) return false;
    this.#running ??= this.#attempt(AbortSignal.any(signals)).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends the pause and waits for the run that is under way. Never rejects; may be called again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#loop, this.#running]);
  }

  async #run(): Promise<void> {
    const { runsAtStart, endsOnSuccess, clock } = this.options;
    const { signal } = this.#stop;
    let failureCount = 0;
    if (!runsAtStart) await clock.sleep(this.#pauseMs(0), signal).catch(() => undefined);
    while (!signal.aborted) {
      const isSuccess = await this.runOnce();
      if (isSuccess && endsOnSuccess) return;
      failureCount = isSuccess ? 0 : failureCount + 1;
      await clock.sleep(this.#pauseMs(failureCount), signal).catch(() => undefined);
    }
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { name, run, logger } = this.options;
    try {
      await run(signal);
      return true;
    } catch (error) {
      if (!signal.aborted) logger.warn({ task: name, error }, 'background task failed');
      return false;
    }
  }

  #pauseMs(failureCount: number): number {
    const { intervalMs, jitter = 0, retryMs } = this.options;
    if (retryMs && failureCount > 0) return retryMs(failureCount);
    const pauseMs = typeof intervalMs === 'number' ? intervalMs : intervalMs();
    return pauseMs * (1 - jitter * Math.random());
  }
}
