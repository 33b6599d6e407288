import { DataSource, type QueryRunner } from 'typeorm';
import { serviceMigrations } from '#libs/composition';
import { dataSourceOptions } from '#libs/platform';
import { requirePostgresUrl } from './database.js';
import { grantToServiceRole, identifier, requireNoExcess } from './service-role.js';

const CONNECT_TIMEOUT_MS = 10_000;

export interface MigrateOptions {
  /** Address for the role that owns the schema. */
  readonly databaseUrl: string;
  /** Role that the api works as. */
  readonly serviceRole: string;
}

/** Migrates and prints what was done. */
export async function runMigrations(options: MigrateOptions): Promise<void> {
  const done = await migrate(options);
  console.log(done.length === 0 ? 'The schema is up to date.' : `Done: ${done.join(', ')}.`);
}

/**
 * Brings the schema up to this release and grants the service's role what it needs, and no more. Safe to
 * repeat, and to run twice at once.
 *
 * @returns the names of the migrations that ran
 * @throws at the end, when the role can do more than the service needs
 */
export async function migrate({ databaseUrl, serviceRole }: MigrateOptions): Promise<string[]> {
  const dataSource = new DataSource({
    ...dataSourceOptions({
      url: requirePostgresUrl(databaseUrl),
      poolSize: 2,
      timeoutMs: CONNECT_TIMEOUT_MS,
    }),
    migrations: [...serviceMigrations],
    // A migration may take as long as it needs; connecting may not.
    extra: { connectionTimeoutMillis: CONNECT_TIMEOUT_MS },
  });
  await dataSource.initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await requireRole(runner, serviceRole);
    // One migrator at a time; the others find nothing left to do.
    await runner.query(`SELECT pg_advisory_lock(hashtext('acs-identity migrate'))`);
    const done = await dataSource.runMigrations({ transaction: 'each' });
    await grantToServiceRole(runner, serviceRole);
    await requireNoExcess(runner, serviceRole);
    return done.map(({ name }) => name);
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

async function requireRole(runner: QueryRunner, role: string): Promise<void> {
  const rows = await runner.manager.query<unknown[]>('SELECT 1 FROM pg_roles WHERE rolname = $1', [
    role,
  ]);
  if (rows.length > 0) return;
  throw new Error(
    `The role ${JSON.stringify(role)} does not exist. Create it first: CREATE ROLE ${identifier(role)} LOGIN PASSWORD '…'`,
  );
}
