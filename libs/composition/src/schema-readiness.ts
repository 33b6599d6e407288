import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock, Database, type ReadinessAnswer, ReadinessChecks } from '#libs/platform';
import { migrationFault, privilegeFault } from './database-faults.js';

/** Between two looks at privileges that were complete: the catalogue is larger than the list of migrations. */
const PRIVILEGES_INTERVAL_MS = 15_000;

/**
 * Not ready until the owner of the database has run every migration of this release, and while the role of the
 * service lacks a privilege.
 */
@Injectable()
export class SchemaReadiness implements OnApplicationBootstrap {
  #grantedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly readiness: ReadinessChecks,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.readiness.register('schema', async () => this.#answer());
  }

  async #answer(): Promise<ReadinessAnswer> {
    const fault = await migrationFault(this.database);
    if (fault !== undefined) return { isReady: false, reason: fault };
    const now = this.clock.monotonicNow();
    if (now - this.#grantedAt < PRIVILEGES_INTERVAL_MS) return { isReady: true };
    const missing = await privilegeFault(this.database);
    if (missing !== undefined) return { isReady: false, reason: missing };
    this.#grantedAt = now;
    return { isReady: true };
  }
}
