import { readSignedHead } from '#libs/audit';
import { withDatabase } from '../database.js';
import { standardOutput } from '../../standard-output.js';

/** Prints what to store elsewhere, so that a rollback of the log is noticed. */
export async function printCheckpoint(databaseUrl: string): Promise<void> {
  const head = await withDatabase(databaseUrl, async (database) => readSignedHead(database));
  if (head === undefined) throw new Error('The log is empty: it has no checkpoint yet.');
  standardOutput.write(head.checkpoint);
}
