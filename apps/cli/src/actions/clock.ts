import {
  auditSettings,
  type AuditSettings,
  describeOffset,
  isBeyond,
  measureClock,
} from '#libs/audit';
import { explain, SystemClock } from '#libs/platform';
import { withDatabase } from './database.js';
import { print } from '../standard-output.js';

/** @throws when the clock of this machine is off, or the database can't be used */
export async function checkClock(values: ReadonlyMap<symbol, unknown>): Promise<void> {
  // The schema of these settings made the value with this key.
  const { clockToleranceMs } = values.get(auditSettings.key) as AuditSettings;
  await withDatabase(process.env.DATABASE_URL ?? '', async (database) => {
    const measurement = await measureClock(database, new SystemClock()).catch((error: unknown) => {
      throw new Error(explain(error), { cause: error });
    });
    const offset = `The clock of this machine is ${describeOffset(measurement.offsetMs)}`;
    if (!isBeyond(measurement, clockToleranceMs)) {
      print(`${offset}.`);
      return;
    }
    throw new Error(`${offset}; AUDIT_CLOCK_TOLERANCE_MS allows ${clockToleranceMs} ms.`);
  });
}
