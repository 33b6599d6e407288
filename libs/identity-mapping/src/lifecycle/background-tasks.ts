import { type OnModuleDestroy, Injectable } from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';

/** How long a shutdown waits for tasks that have been started. */
const SHUTDOWN_TIMEOUT_MS = 5_000;

/** Tasks that continue after the request that started them. */
@Injectable()
export class BackgroundTasks implements OnModuleDestroy {
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Repeats an attempt until it succeeds, with pauses that grow from 100 ms to 5 s.
   *
   * @returns when it has succeeded, or a shutdown has stopped it; never rejects
   */
  async repeat(attempt: () => Promise<void>): Promise<void> {
    const running = this.#repeat(attempt);
    this.#running.add(running);
    await running.finally(() => this.#running.delete(running));
  }

  async onModuleDestroy(): Promise<void> {
    if (this.#running.size > 0) {
      const timeout = new AbortController();
      await Promise.race([
        Promise.all(this.#running),
        this.clock.sleep(SHUTDOWN_TIMEOUT_MS, timeout.signal).catch(() => undefined),
      ]);
      timeout.abort();
    }
    this.#stop.abort();
  }

  async #repeat(attempt: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    for (let pauseMs = 100; !signal.aborted; pauseMs = Math.min(pauseMs * 2, 5_000)) {
      try {
        await attempt();
        return;
      } catch (error) {
        this.logger.warn({ error }, 'background task failed, it is repeated');
      }
      await this.clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }
}
