import { findDatabaseLack } from '#libs/composition';
import { explain } from '#libs/platform';
import { print } from '../standard-output.js';
import { withDatabase } from './database.js';

/** @throws when the database does not give what the service needs, or can't be used */
export async function checkDatabaseNeeds(): Promise<void> {
  await withDatabase(process.env.DATABASE_URL ?? '', async (database) => {
    const lack = await findDatabaseLack(database).catch((error: unknown) => {
      throw new Error(explain(error), { cause: error });
    });
    if (lack) throw new Error(lack.reason);
    print('The database takes writes, has every migration, and gives the role its privileges.');
  });
}
