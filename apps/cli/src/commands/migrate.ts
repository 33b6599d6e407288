import { Command, Option } from 'commander';
import type { MigrateOptions } from '../actions/migrate.js';
import { databaseOption, wholeNumber } from './options.js';

/** `acs-identity migrate` */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description(
      'Bring the database schema up to this release. Safe to repeat, and to run twice at once.',
    )
    .addOption(databaseOption('DATABASE_OWNER_URL', 'the role that owns the schema'))
    .addOption(
      new Option('--service-role <name>', 'role that the api works as; it must exist')
        .env('DATABASE_SERVICE_ROLE')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--wait <seconds>', 'how long to wait for locks of others')
        .argParser(wholeNumber)
        .default(60),
    )
    .action(async ({ wait, ...options }: MigrateOptions & { readonly wait: number }) => {
      const { runMigrations } = await import('../actions/migrate.js');
      await runMigrations({ ...options, waitSeconds: wait });
    });
}
