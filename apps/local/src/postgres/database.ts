import pg from 'pg';
import { migrate } from '../../../cli/src/actions/migrate.js';
import type { LocalFolder } from '../local-folder.js';
import { LocalPostgres } from './local-postgres.js';

const DATABASE = 'acs_identity';
const OWNER = 'acs_identity_owner';
const SERVICE = 'acs_identity_service';

export interface LocalDatabase {
  readonly serviceUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL, or takes the given one, with the schema up to date.
 *
 * @param givenUrl a PostgreSQL of the user's own, for a role that may create roles
 */
export async function startDatabase(
  folder: LocalFolder,
  givenUrl: string | undefined,
): Promise<LocalDatabase> {
  const passwords = await folder.passwords();
  if (givenUrl !== undefined) {
    await execute(givenUrl, [ensureRole(SERVICE, passwords.service)]);
    await migrate({ databaseUrl: givenUrl, serviceRole: SERVICE });
    return {
      serviceUrl: asRole(givenUrl, SERVICE, passwords.service),
      stop: async () => Promise.resolve(),
    };
  }
  const postgres = await LocalPostgres.start({
    directory: folder.postgres,
    password: passwords.superuser,
  });
  try {
    await execute(postgres.url('postgres'), [
      ensureRole(OWNER, passwords.owner),
      ensureRole(SERVICE, passwords.service),
    ]);
    await ensureDatabase(postgres.url('postgres'));
    await migrate({
      databaseUrl: postgres.url(DATABASE, OWNER, passwords.owner),
      serviceRole: SERVICE,
    });
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return {
    serviceUrl: postgres.url(DATABASE, SERVICE, passwords.service),
    stop: async () => postgres.stop(),
  };
}

/** The password is hexadecimal and the name ours, so neither can end the statement. */
function ensureRole(name: string, password: string): string {
  return `DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name} LOGIN; END IF;
    ALTER ROLE ${name} PASSWORD '${password}';
  END $$`;
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [
      DATABASE,
    ]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE} OWNER ${OWNER}`);
  } finally {
    await client.end();
  }
}

async function execute(url: string, statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function asRole(url: string, name: string, password: string): string {
  const changed = new URL(url);
  changed.username = name;
  changed.password = password;
  return changed.href;
}
