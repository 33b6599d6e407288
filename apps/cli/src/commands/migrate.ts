import { Command, Option } from 'commander';
import { DataSource, type QueryRunner } from 'typeorm';
import { dataSourceOptions } from '#libs/platform';
import { serviceFunctionGrants, serviceGrants, serviceMigrations } from '#libs/composition';

interface MigrateOptions {
  readonly databaseUrl: string;
  readonly serviceRole: string;
}

/** `acs-identity migrate`: brings the schema up to this release, as the owner of the database. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description(
      'Brings the database schema up to this release. Safe to repeat, and to run twice at once.',
    )
    .addOption(
      new Option('--database-url <url>', 'PostgreSQL address of the role that owns the schema')
        .env('DATABASE_OWNER_URL')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--service-role <name>', 'role that the api works as; it must exist')
        .env('DATABASE_SERVICE_ROLE')
        .makeOptionMandatory(),
    )
    .action(async (options: MigrateOptions) => {
      const done = await migrate(options);
      console.log(done.length === 0 ? 'The schema is up to date.' : `Done: ${done.join(', ')}.`);
    });
}

/** @returns the names of the migrations that ran */
export async function migrate({ databaseUrl, serviceRole }: MigrateOptions): Promise<string[]> {
  const dataSource = new DataSource({
    ...dataSourceOptions({ url: databaseUrl, poolSize: 2, timeoutMs: 30_000 }),
    migrations: [...serviceMigrations],
    // A migration may take as long as it needs; connecting may not.
    extra: { connectionTimeoutMillis: 10_000 },
  });
  await dataSource.initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await requireRole(runner, serviceRole);
    // One migrator at a time; the others find nothing left to do.
    await runner.query(`SELECT pg_advisory_lock(hashtext('acs-identity migrate'))`);
    const done = await dataSource.runMigrations({ transaction: 'each' });
    await grant(runner, serviceRole);
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

/** Takes every right away and gives back those that this release needs. */
async function grant(runner: QueryRunner, role: string): Promise<void> {
  const to = identifier(role);
  await runner.startTransaction();
  try {
    await runner.query(`REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${to}`);
    await runner.query(`GRANT USAGE ON SCHEMA public TO ${to}`);
    for (const { table, privileges } of serviceGrants) {
      await runner.query(`GRANT ${privileges.join(', ')} ON ${identifier(table)} TO ${to}`);
    }
    for (const signature of serviceFunctionGrants) {
      await runner.query(`GRANT EXECUTE ON FUNCTION ${signature} TO ${to}`);
    }
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
