import { createHash } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock, Database, deleteInBatches, Sweeps } from '#libs/platform';
import { RateLimitStore } from './rate-limit-store.js';

const MINUTE_MS = 60_000;

/**
 * Counts in the unlogged table `request_usage`: a crash of the database server loses the counts of one
 * minute. Past minutes are deleted in the background, by every replica.
 */
@Injectable()
export class PostgresRateLimitStore extends RateLimitStore implements OnApplicationBootstrap {
  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly clock: Clock,
    private readonly sweeps: Sweeps,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.sweeps.start({
      name: 'delete past request counts',
      // The last minute stays for replicas whose clocks are behind.
      run: async (signal) =>
        this.#deleteBefore(Math.floor(this.clock.now() / MINUTE_MS) - 1, signal),
      intervalMs: MINUTE_MS,
    });
  }

  override async increment(key: string, minute: number, amount: number): Promise<number> {
    const rows = await this.database.query<{ used: number }>(
      `INSERT INTO request_usage AS existing (minute, key, used) VALUES ($1, $2, $3)
       ON CONFLICT (minute, key) DO UPDATE SET used = existing.used + excluded.used
       RETURNING used`,
      [minute, digest(key), amount],
    );
    return rows[0]?.used ?? amount;
  }

  async #deleteBefore(minute: number, signal: AbortSignal): Promise<void> {
    const rows = { table: 'request_usage', condition: 'minute < $1', parameters: [minute] };
    await deleteInBatches(this.database, rows, signal);
  }
}

/** Keys contain addresses and subjects, which the table does not need. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
