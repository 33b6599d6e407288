import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEST_CLUSTER } from '#libs/platform/testing';
import { migrate } from '../../apps/cli/src/actions/migrate.js';
import {
  LocalPostgres,
  type LocalPostgresOptions,
} from '../../apps/local/src/postgres/local-postgres.js';

/**
 * Starts a server with the roles of owner and service and the migrated template database.
 *
 * @param isDurable `fsync` on, for tests that kill the server; slower
 * @param more settings, or programs of another version
 */
export async function startTestCluster(
  isDurable = false,
  { settings: ownSettings, ...more }: Pick<LocalPostgresOptions, 'programs' | 'settings'> = {},
): Promise<LocalPostgres> {
  const { ownerRole, serviceRole, template, password } = TEST_CLUSTER;
  const directory = join(tmpdir(), `acs-identity-test-${randomBytes(6).toString('hex')}`);
  const settings = { max_connections: '300', ...ownSettings };
  const postgres = await LocalPostgres.start({ directory, password, isDurable, settings, ...more });
  for (const role of [ownerRole, serviceRole]) {
    await postgres.execute(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  }
  await postgres.execute(`CREATE DATABASE ${template} OWNER ${ownerRole}`);
  await migrate({ databaseUrl: postgres.url(template, ownerRole), serviceRole });
  return postgres;
}
