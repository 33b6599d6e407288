import { databaseFault } from '#libs/composition';
import { print } from '../standard-output.js';
import { withDatabase } from './database.js';

/** @throws when the database does not give what the service needs, or can't be used */
export async function checkDatabaseNeeds(): Promise<void> {
  await withDatabase(process.env.DATABASE_URL ?? '', async (database) => {
    const fault = await databaseFault(database);
    if (fault !== undefined) throw new Error(fault);
    print('The database takes writes, has every migration, and gives the role its privileges.');
  });
}
