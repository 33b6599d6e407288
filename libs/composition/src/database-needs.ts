import { assertWritable, explain, type Queries } from '#libs/platform';
import { missingPrivileges } from './missing-privileges.js';
import { missingMigrations } from './schema.js';

/** What the service needs of its database. Readiness, `doctor` and `config check --connect` examine all of it. */
export type DatabaseNeed = 'writes' | 'migrations' | 'privileges';

/** Something that the service needs, and the database does not give. */
export interface DatabaseLack {
  readonly need: DatabaseNeed;
  /** For operators. */
  readonly reason: string;
}

/**
 * @returns the first lack: one explains what comes after it
 * @throws DatabaseUnavailable when the database does not answer
 */
export async function findDatabaseLack(database: Queries): Promise<DatabaseLack | undefined> {
  const fault = await assertWritable(database).catch(explain);
  if (fault !== undefined) return { need: 'writes', reason: fault };
  return (await findMissingMigrations(database)) ?? findMissingPrivileges(database);
}

export async function findMissingMigrations(database: Queries): Promise<DatabaseLack | undefined> {
  const names = await missingMigrations(database);
  if (names.length === 0) return undefined;
  return { need: 'migrations', reason: `run acs-identity migrate: ${names.join(', ')} missing` };
}

/** The migrations must be complete. */
export async function findMissingPrivileges(database: Queries): Promise<DatabaseLack | undefined> {
  const names = await missingPrivileges(database);
  if (names.length === 0) return undefined;
  const reason = `run acs-identity migrate: the role lacks ${names.join(', ')}`;
  return { need: 'privileges', reason };
}
