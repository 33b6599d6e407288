import { auditSettings, type AuditSettings, LogOriginDiffers, readLogOrigin } from '#libs/audit';
import { explain } from '#libs/platform';
import { withDatabase } from './database.js';
import { print } from '../standard-output.js';

/** @throws when the log has another name than `AUDIT_LOG_ORIGIN` and is not to be renamed, or can't be read */
export async function checkLogOrigin(values: ReadonlyMap<symbol, unknown>): Promise<void> {
  // The schema of these settings made the value with this key.
  const { origin, previousOrigin } = values.get(auditSettings.key) as AuditSettings;
  await withDatabase(process.env.DATABASE_URL ?? '', async (database) => {
    const found = await readLogOrigin(database).catch((error: unknown) => {
      throw new Error(explain(error), { cause: error });
    });
    if (found === undefined || found === origin) return;
    if (found !== previousOrigin) throw new LogOriginDiffers(found, origin);
    print(`The log has the name ${found}; its next entry continues it as ${origin}.`);
  });
}
