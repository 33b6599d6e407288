import { migrate } from '../../../cli/src/actions/migrate.js';
import type { LocalFolder } from '../local-folder.js';
import { execute, LocalPostgres } from './local-postgres.js';
import { SERVICE } from './other-postgres.js';

const DATABASE = 'acs_identity';
const OWNER = 'acs_identity_owner';

/** The database of the local environment. */
export interface LocalDatabase {
  /** Address for the role that the api works as. */
  readonly serviceUrl: string;
  /** What commands need that work as the owner of the schema; of the embedded PostgreSQL only. */
  readonly ownerEnvironment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL, or uses the given one, and migrates the schema.
 *
 * @param givenUrl address of another PostgreSQL, for a role that may create roles
 * @param port of the embedded PostgreSQL
 */
export async function startLocalDatabase(
  folder: LocalFolder,
  givenUrl: string | undefined,
  port: number,
): Promise<LocalDatabase> {
  const passwords = await folder.passwords();
  if (givenUrl !== undefined) {
    await execute(givenUrl, ensureRole(SERVICE, passwords.service));
    await migrate({ databaseUrl: givenUrl, serviceRole: SERVICE });
    return {
      serviceUrl: asRole(givenUrl, SERVICE, passwords.service),
      ownerEnvironment: {},
      stop: async () => Promise.resolve(),
    };
  }
  const postgres = await LocalPostgres.start({
    directory: folder.postgres,
    password: passwords.superuser,
    port,
  });
  const ownerUrl = postgres.url(DATABASE, OWNER, passwords.owner);
  try {
    await postgres.execute(ensureRole(OWNER, passwords.owner));
    await postgres.execute(ensureRole(SERVICE, passwords.service));
    await ensureDatabase(postgres);
    await migrate({ databaseUrl: ownerUrl, serviceRole: SERVICE });
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return {
    serviceUrl: postgres.url(DATABASE, SERVICE, passwords.service),
    ownerEnvironment: { DATABASE_OWNER_URL: ownerUrl, DATABASE_SERVICE_ROLE: SERVICE },
    stop: async () => postgres.stop(),
  };
}

/** SQL. The password is hexadecimal and the name a constant, so neither can break out of the quotes. */
function ensureRole(name: string, password: string): string {
  return `DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name} LOGIN; END IF;
    ALTER ROLE ${name} PASSWORD '${password}';
  END $$`;
}

async function ensureDatabase(postgres: LocalPostgres): Promise<void> {
  const found = await execute(
    postgres.superuserUrl,
    `SELECT FROM pg_database WHERE datname = '${DATABASE}'`,
  );
  if (found.length === 0) await postgres.execute(`CREATE DATABASE ${DATABASE} OWNER ${OWNER}`);
}

function asRole(url: string, name: string, password: string): string {
  const changed = new URL(url);
  changed.username = name;
  changed.password = password;
  return changed.href;
}
