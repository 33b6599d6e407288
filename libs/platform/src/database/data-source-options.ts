import type { DataSourceOptions } from 'typeorm';
import type { DatabaseSettings } from './database-settings.js';
import { ErrorTolerantPgClient } from './error-tolerant-pg-client.js';

/** How every process of the service talks to PostgreSQL. The schema is changed by migrations alone. */
export function dataSourceOptions({
  url,
  poolSize,
  timeoutMs,
}: DatabaseSettings): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName: 'acs-identity',
    poolSize,
    connectTimeoutMS: timeoutMs,
    synchronize: false,
    migrationsRun: false,
    migrationsTableName: 'schema_migration',
    extra: {
      Client: ErrorTolerantPgClient,
      statement_timeout: timeoutMs,
      lock_timeout: timeoutMs,
      idle_in_transaction_session_timeout: timeoutMs * 2,
      // The server may be gone without a word: then the client gives up by itself.
      query_timeout: timeoutMs + 500,
      keepAlive: true,
    },
  };
}
