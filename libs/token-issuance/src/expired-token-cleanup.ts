import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, Logger, PeriodicTask } from '#libs/platform';
import { TokenCache } from './cache/token-cache.js';
import { TokenQuota } from './issue/token-quota.js';

/** Deletes expired rows of the token cache and the token quota. Runs in every replica; idempotent. */
@Injectable()
export class ExpiredTokenCleanup implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #tasks: readonly PeriodicTask[];

  constructor(cache: TokenCache, quota: TokenQuota, clock: Clock, logger: Logger) {
    const schedule = { intervalMs: 60_000, jitter: 0.5, clock, logger };
    // A task for each table, so that the failure of one does not stop the other.
    this.#tasks = [
      new PeriodicTask({
        name: 'expired token cleanup',
        run: async (signal) => cache.sweep(signal),
        ...schedule,
      }),
      new PeriodicTask({
        name: 'token quota cleanup',
        run: async (signal) => quota.sweep(signal),
        ...schedule,
      }),
    ];
  }

  onApplicationBootstrap(): void {
    for (const task of this.#tasks) task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#tasks.map(async (task) => task.stop()));
  }
}
