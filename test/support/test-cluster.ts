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
  // A run opens thousands of connections; the usual 4,096 iterations cost 2 ms of each. PostgreSQL 15 has no setting.
  const cheapSignIn = more.programs === undefined ? { scram_iterations: '1' } : {};
  // Of a hundred databases that live for a minute; it would visit two of them each second.
  const noVacuum = isDurable ? {} : { autovacuum: 'off' };
  const settings = { max_connections: '300', ...cheapSignIn, ...noVacuum, ...ownSettings };
  const postgres = await LocalPostgres.start({ directory, password, isDurable, settings, ...more });
  // Stored anew: the password was set with the usual iterations before the server had settings.
  await postgres.execute(`ALTER ROLE postgres PASSWORD '${password}'`);
  for (const role of [ownerRole, serviceRole]) {
    await postgres.execute(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  }
  await postgres.execute(`CREATE DATABASE ${template} OWNER ${ownerRole}`);
  await migrate({ databaseUrl: postgres.url(template, ownerRole), serviceRole });
  return postgres;
}
