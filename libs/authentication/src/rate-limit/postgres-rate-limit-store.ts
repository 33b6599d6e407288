import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Database } from '#libs/platform';
import { RateLimitStore } from './rate-limit-store.js';

/** Counts in an unlogged table: a crash of the server forgets at most one minute's use. */
@Injectable()
export class PostgresRateLimitStore extends RateLimitStore {
  constructor(@Inject(Database) private readonly database: Database) {
    super();
  }

  override async increment(key: string, minute: number, amount: number): Promise<number> {
    const rows = await this.database.query<{ used: number }>(
      `INSERT INTO request_usage AS known (minute, key, used) VALUES ($1, $2, $3)
       ON CONFLICT (minute, key) DO UPDATE SET used = known.used + excluded.used
       RETURNING used`,
      [minute, digest(key), amount],
    );
    return rows[0]?.used ?? amount;
  }

  override async forgetBefore(minute: number): Promise<void> {
    await this.database.query('DELETE FROM request_usage WHERE minute < $1', [minute]);
  }
}

/** Keys hold addresses and names of people: the table needs neither. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
