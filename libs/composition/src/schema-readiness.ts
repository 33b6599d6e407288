import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, ReadinessChecks } from '#libs/platform';
import { missingMigrations } from './schema.js';

/** Not ready until the owner of the database has run every migration of this release. */
@Injectable()
export class SchemaReadiness implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly readiness: ReadinessChecks,
  ) {}

  onApplicationBootstrap(): void {
    this.readiness.register('schema', async () => {
      const missing = await missingMigrations(this.database);
      if (missing.length === 0) return { isReady: true };
      return { isReady: false, reason: `run acs-identity migrate: ${missing.join(', ')} missing` };
    });
  }
}
