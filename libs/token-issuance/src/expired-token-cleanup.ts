import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, Logger, PeriodicTask } from '#libs/platform';
import { TokenCache } from './cache/token-cache.js';
import { TokenQuota } from './issue/token-quota.js';

/** Deletes expired rows of the token cache and the token quota. Runs in every replica; idempotent. */
@Injectable()
export class ExpiredTokenCleanup implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #task: PeriodicTask;

  constructor(cache: TokenCache, quota: TokenQuota, clock: Clock, logger: Logger) {
    this.#task = new PeriodicTask({
      name: 'expired token cleanup',
      run: async () => {
        await cache.sweep();
        await quota.sweep();
      },
      intervalMs: 60_000,
      jitter: 0.5,
      clock,
      logger,
    });
  }

  onApplicationBootstrap(): void {
    this.#task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }
}
