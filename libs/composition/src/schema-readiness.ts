import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock, Database, type ReadinessAnswer, ReadinessChecks } from '#libs/platform';
import { findMissingMigrations, findMissingPrivileges } from './database-needs.js';

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
    const missing = await findMissingMigrations(this.database);
    if (missing) return { isReady: false, reason: missing.reason };
    const now = this.clock.monotonicNow();
    if (now - this.#grantedAt < PRIVILEGES_INTERVAL_MS) return { isReady: true };
    const lack = await findMissingPrivileges(this.database);
    if (lack) return { isReady: false, reason: lack.reason };
    this.#grantedAt = now;
    return { isReady: true };
  }
}
