import { assertWritable, explain, type Queries } from '#libs/platform';
import { missingPrivileges } from './missing-privileges.js';
import { missingMigrations } from './schema.js';

/**
 * Why the service can't work with the database, for operators: it can't be used, takes no writes, or lacks a
 * migration or a privilege of the role.
 *
 * @returns the first fault: one explains what comes after it
 */
export async function databaseFault(database: Queries): Promise<string | undefined> {
  try {
    await assertWritable(database);
    return (await migrationFault(database)) ?? (await privilegeFault(database));
  } catch (error) {
    return explain(error);
  }
}

export async function migrationFault(database: Queries): Promise<string | undefined> {
  const names = await missingMigrations(database);
  if (names.length === 0) return undefined;
  return `run acs-identity migrate: ${names.join(', ')} missing`;
}

/** The migrations must be complete. */
export async function privilegeFault(database: Queries): Promise<string | undefined> {
  const names = await missingPrivileges(database);
  if (names.length === 0) return undefined;
  return `run acs-identity migrate: the role lacks ${names.join(', ')}`;
}
