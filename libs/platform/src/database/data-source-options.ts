import type { DataSourceOptions } from 'typeorm';
import type { DatabaseSettings } from './database-settings.js';
import { ErrorTolerantPgClient } from './error-tolerant-pg-client.js';

/** TypeORM's options for every process of the service. Only migrations change the schema. */
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
      // The client's own limit, for a server that no longer answers at all.
      query_timeout: timeoutMs + 500,
      keepAlive: true,
    },
  };
}
