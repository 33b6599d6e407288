import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, Logger } from '#libs/platform';
import { TokenCache } from './token-cache.js';
import { TokenQuota } from '../issue/token-quota.js';

const PAUSE_MS = 60_000;

/** Forgets what has had its time, in every replica; harmless when several do it at once. */
@Injectable()
export class ExpiredTokenCleanup implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();

  constructor(
    private readonly cache: TokenCache,
    private readonly quota: TokenQuota,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    void this.#work();
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      // Replicas don't keep step.
      await this.clock.sleep(PAUSE_MS * (0.5 + Math.random()), signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.cache.sweep();
        await this.quota.sweep();
      } catch (error) {
        this.logger.warn({ error }, 'kept tokens could not be swept');
      }
    }
  }
}
