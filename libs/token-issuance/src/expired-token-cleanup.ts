import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Sweeps } from '#libs/platform';
import { TokenCache } from './cache/token-cache.js';
import { TokenQuota } from './issue/token-quota.js';

const SCHEDULE = { intervalMs: 60_000, jitter: 0.5 };

/** Deletes expired rows of the token cache and the token quota. Runs in every replica; idempotent. */
@Injectable()
export class ExpiredTokenCleanup implements OnApplicationBootstrap {
  constructor(
    private readonly cache: TokenCache,
    private readonly quota: TokenQuota,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    // A sweep for each table, so that the failure of one does not stop the other.
    this.sweeps.start({
      name: 'expired token cleanup',
      run: async (signal) => this.cache.sweep(signal),
      ...SCHEDULE,
    });
    this.sweeps.start({
      name: 'token quota cleanup',
      run: async (signal) => this.quota.sweep(signal),
      ...SCHEDULE,
    });
  }
}
