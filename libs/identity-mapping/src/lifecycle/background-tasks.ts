import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';

/** How long a shutdown waits for work that was begun, in milliseconds. */
const SHUTDOWN_MS = 5_000;

/** Work that goes on after its request was answered; a shutdown gives it a moment to end. */
@Injectable()
export class BackgroundTasks implements BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** @returns when the work has ended; never rejects */
  async run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const running = work(this.#stop.signal).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.logger.error({ error }, 'background work failed');
    });
    this.#running.add(running);
    await running.finally(() => this.#running.delete(running));
  }

  /** Repeats what fails, with pauses that grow from 100 ms to 5 s, until it ends well. */
  async repeat(signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
      try {
        await attempt();
        return;
      } catch (error) {
        this.logger.warn({ error }, 'background work is repeated');
      }
      await this.clock.sleep(pauseMs, signal);
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.#running.size > 0) {
      const timeout = new AbortController();
      await Promise.race([
        Promise.all(this.#running),
        this.clock.sleep(SHUTDOWN_MS, timeout.signal).catch(() => undefined),
      ]);
      timeout.abort();
    }
    this.#stop.abort();
  }
}
