import type { DataSourceOptions } from 'typeorm';
import type { DatabaseSettings } from './database-settings.js';
import { ErrorTolerantPgClient } from './error-tolerant-pg-client.js';

/**
 * TypeORM's options for every process of the service. Only migrations change the schema.
 *
 * @param applicationName shown in `pg_stat_activity`
 */
export function dataSourceOptions({
  url,
  poolSize,
  timeoutMs,
  applicationName = 'acs-identity',
}: Pick<DatabaseSettings, 'url' | 'poolSize' | 'timeoutMs'> & {
  readonly applicationName?: string;
}): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName,
    poolSize,
    connectTimeoutMS: timeoutMs,
    synchronize: false,
    migrationsRun: false,
    migrationsTableName: 'schema_migration',
    extra: {
      Client: ErrorTolerantPgClient,
      statement_timeout: timeoutMs,
      lock_timeout: timeoutMs,
      // A process that is stopped holds its locks for a shorter time than others wait for them.
      idle_in_transaction_session_timeout: Math.ceil(timeoutMs / 2),
      // The client's own limit, for a server that no longer answers at all.
      query_timeout: timeoutMs + 500,
      keepAlive: true,
    },
  };
}
