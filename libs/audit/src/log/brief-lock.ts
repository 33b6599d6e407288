import {
  type Clock,
  type Database,
  DatabaseUnavailable,
  sqlState,
  type Transaction,
} from '#libs/platform';

/** The longest wait for the lock of a table: everybody who appends meanwhile waits behind it. */
const LOCK_TIMEOUT_MS = 100;
const PAUSE_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** Sessions that have a table of the log in a transaction. */
const KEEPERS = `
  SELECT DISTINCT format('pid %s (%s, %s)', pid, usename, application_name) AS keeper
  FROM pg_locks JOIN pg_stat_activity USING (pid)
  WHERE relation IN ('audit_entry'::regclass, 'audit_personal'::regclass)
    AND pg_locks.granted AND pid <> pg_backend_pid() ORDER BY 1`;

/** Somebody else had a table of the log for too long. */
export class LockNotFree extends Error {
  constructor(keepers: readonly string[], options: ErrorOptions) {
    const others = keepers.length > 0 ? keepers.join(', ') : 'others';
    super(
      `The tables of the audit log were in use by ${others}: a dump of the database or a long transaction.`,
      options,
    );
  }
}

/** How long to repeat. */
interface Repetition {
  readonly clock: Clock;
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs statements that lock a table of the log for themselves, in one transaction. While others have the
 * table, such as a dump, it waits 100 ms for each lock, and is repeated after a pause in which appends run.
 *
 * @throws LockNotFree when the time is over
 */
export async function withBriefLocks(
  database: Database,
  work: (transaction: Transaction) => Promise<void>,
  { clock, waitMs, signal }: Repetition,
): Promise<void> {
  const end = clock.monotonicNow() + waitMs;
  for (;;) {
    try {
      await database.transaction(async (transaction) => {
        await transaction.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
        await work(transaction);
      });
      return;
    } catch (error) {
      const cause = error instanceof DatabaseUnavailable ? error.cause : error;
      if (sqlState(cause) !== LOCK_NOT_AVAILABLE) throw error;
      if (clock.monotonicNow() + PAUSE_MS > end)
        throw new LockNotFree(await keepersOf(database), { cause });
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}

async function keepersOf(database: Database): Promise<string[]> {
  const rows = await database.query<{ keeper: string }>(KEEPERS);
  return rows.map(({ keeper }) => keeper);
}
