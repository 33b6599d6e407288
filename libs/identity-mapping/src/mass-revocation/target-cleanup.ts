import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Sweeps } from '#libs/platform';
import { MassRevocationStore } from './mass-revocation-store.js';

const SCHEDULE = { intervalMs: 15 * 60_000, jitter: 0.5 };

/**
 * Deletes what mass revocations have left that did not begin, or whose replica died at their end. Runs in
 * every replica; idempotent.
 */
@Injectable()
export class RevocationTargetCleanup implements OnApplicationBootstrap {
  constructor(
    private readonly store: MassRevocationStore,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeps.start({
      name: 'revocation target cleanup',
      run: async () => this.store.dropIdleTargets(),
      ...SCHEDULE,
    });
  }
}
