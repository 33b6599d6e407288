import type { DataSourceOptions } from 'typeorm';
import pg from 'pg';
import type { PasswordSource } from './database-credential.js';
import type { DatabaseSettings } from './database-settings.js';
import { ServiceClient } from './service-client.js';
import { driverWithServicePool } from './service-pool.js';
import { WritableHost } from './writable-host.js';

/** After this time a connection is replaced, so that a new password or another host takes effect. */
const MAX_CONNECTION_AGE_SECONDS = 1_800;

/**
 * TypeORM's options for every process of the service. Only migrations change the schema.
 *
 * @param applicationName shown in `pg_stat_activity`
 * @param session parameters of the server, in place of the timeouts
 * @param allowsStandby for commands that only read. Default: false
 */
export function dataSourceOptions({
  url,
  credential,
  poolSize,
  timeoutMs,
  applicationName = 'acs-identity',
  session,
  allowsStandby,
}: Pick<DatabaseSettings, 'url' | 'poolSize' | 'timeoutMs'> & {
  readonly credential?: PasswordSource | undefined;
  readonly applicationName?: string;
  readonly session?: Readonly<Record<string, string>>;
  readonly allowsStandby?: boolean;
}): DataSourceOptions {
  const writableHost = new WritableHost();
  const connected = new Set<ServiceClient>();
  const options = {
    url,
    credential,
    applicationName,
    timeoutMs,
    allowsStandby,
    ...(session === undefined && { queryTimeoutMs: timeoutMs + 500 }),
    session: session ?? {
      statement_timeout: String(timeoutMs),
      lock_timeout: String(timeoutMs),
      // A process that is stopped holds its locks for a shorter time than others wait for them.
      idle_in_transaction_session_timeout: String(Math.ceil(timeoutMs / 2)),
    },
  };
  return {
    type: 'postgres',
    poolSize,
    connectTimeoutMS: timeoutMs,
    // Given, because TypeORM would look it up by its name, which a bundle does not have.
    driver: credential ? driverWithServicePool : pg,
    synchronize: false,
    migrationsRun: false,
    migrationsTableName: 'schema_migration',
    extra: {
      Client: class extends ServiceClient {
        constructor() {
          super(options, writableHost, connected);
        }
      },
      maxLifetimeSeconds: MAX_CONNECTION_AGE_SECONDS,
    },
  };
}
