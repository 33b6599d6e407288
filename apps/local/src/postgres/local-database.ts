import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
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
 * @param options.port of the embedded PostgreSQL
 * @param options.commandLine file of the program that migrates
 */
export async function startLocalDatabase(
  folder: LocalFolder,
  givenUrl: string | undefined,
  { port, commandLine }: { readonly port: number; readonly commandLine: string },
): Promise<LocalDatabase> {
  const passwords = await folder.passwords();
  if (givenUrl !== undefined) {
    await execute(givenUrl, ensureRole(SERVICE, passwords.service));
    await migrate(commandLine, givenUrl);
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
    await migrate(commandLine, ownerUrl);
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

/**
 * Migrates in a process of its own: the bundled program needs a quarter of the CPU time that it takes to load
 * the compiled files of the migration here.
 *
 * @throws with what the program printed
 */
async function migrate(commandLine: string, ownerUrl: string): Promise<void> {
  // The shell's own are for another database.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DATABASE_'));
  const child = spawn(process.execPath, [commandLine, 'migrate'], {
    env: {
      ...Object.fromEntries(inherited),
      DATABASE_OWNER_URL: ownerUrl,
      DATABASE_SERVICE_ROLE: SERVICE,
    },
    // Ctrl-C reaches this process only, which stops PostgreSQL.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [ending, output] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  const [code] = ending as [number | null];
  if (code !== 0) throw new Error(output.trim());
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
