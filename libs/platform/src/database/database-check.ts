import { DatabaseUnavailable } from '../errors/storage-unavailable.js';
import type { ReadinessAnswer } from '../health/readiness-checks.js';
import type { Clock } from '../time/clock.js';
import type { Database } from './database.js';
import type { Queries } from './queries.js';
import { sqlState } from './sqlstate.js';

/** Time between two probes that write. */
const WRITE_PROBE_INTERVAL_MS = 15_000;

/** Allocates 2 MB of the disk and releases it; it leaves no row. */
const WRITE_PROBE = `CREATE TEMPORARY TABLE readiness_probe ON COMMIT DROP AS
  SELECT repeat(chr(97 + n % 26), 2000) AS text FROM generate_series(1, 1000) AS n`;

/** Whether the database answers, and can write: a full disk still answers queries. */
export class DatabaseCheck {
  #writtenAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** @throws DatabaseUnavailable */
  async run(): Promise<ReadinessAnswer> {
    const [row] = await this.database.query<{ is_read_only: boolean }>(
      `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS is_read_only`,
    );
    const isFresh = this.clock.monotonicNow() - this.#writtenAt < WRITE_PROBE_INTERVAL_MS;
    // Writes to a read-only server fail, whereupon the connection is replaced by one to another host.
    if (isFresh && row?.is_read_only !== true) return { isReady: true };
    await assertWritable(this.database);
    this.#writtenAt = this.clock.monotonicNow();
    return { isReady: true };
  }
}

/** @throws when the database can't write, for example because its disk is full */
export async function assertWritable(database: Queries): Promise<void> {
  await database.query(WRITE_PROBE, []).catch(ignoreMissingPrivilege);
}

/** A database may deny temporary tables to the role; the service does not need them. */
function ignoreMissingPrivilege(error: unknown): void {
  const cause = error instanceof DatabaseUnavailable ? error.cause : error;
  if (sqlState(cause) !== '42501') throw error;
}
