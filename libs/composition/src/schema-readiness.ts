import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, ReadinessChecks } from '#libs/platform';
import { serviceMigrations } from './schema.js';

/** Not ready until the owner of the database has run every migration of this release. */
@Injectable()
export class SchemaReadiness implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly readiness: ReadinessChecks,
  ) {}

  onApplicationBootstrap(): void {
    const wanted = serviceMigrations.map(({ name }) => name);
    this.readiness.register('schema', async () => {
      const rows = await this.database.query<{ name: string }>('SELECT name FROM schema_migration');
      const done = new Set(rows.map(({ name }) => name));
      const missing = wanted.filter((name) => !done.has(name));
      if (missing.length === 0) return { isReady: true };
      return { isReady: false, reason: `run acs-identity migrate: ${missing.join(', ')} missing` };
    });
  }
}
