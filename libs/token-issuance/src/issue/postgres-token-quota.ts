import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { TenantSubject } from '#libs/identity-mapping';
import { Database, deleteInBatches } from '#libs/platform';
import { TokenQuotaExceeded } from '../policy/errors.js';
import { type ReleaseQuota, TokenQuota } from './token-quota.js';

/** Counts in PostgreSQL, by its clock: one row for each identity, under a hash of its name. */
@Injectable()
export class PostgresTokenQuota extends TokenQuota {
  constructor(private readonly database: Database) {
    super();
  }

  protected async takeLimited(
    identity: TenantSubject,
    tokensPerHour: number,
  ): Promise<ReleaseQuota> {
    const name = JSON.stringify([identity.tenant, identity.subject]);
    const key = createHash('sha256').update(name).digest();
    const [taken] = await this.database.query<{ at: string }>(
      `INSERT INTO token_quota AS quota (identity, issued_at) VALUES ($1, ARRAY[clock_timestamp()])
       ON CONFLICT (identity) DO UPDATE SET issued_at = ARRAY(
           SELECT at FROM unnest(quota.issued_at) AS at
           WHERE at > clock_timestamp() - interval '1 hour' ORDER BY at
         ) || clock_timestamp()
       WHERE (SELECT count(*) FROM unnest(quota.issued_at) AS at
              WHERE at > clock_timestamp() - interval '1 hour') < $2
       RETURNING issued_at[cardinality(issued_at)]::text AS at`,
      [key, tokensPerHour],
    );
    if (!taken) {
      throw new TokenQuotaExceeded(tokensPerHour, await this.#waitSeconds(key, tokensPerHour));
    }
    return async () => {
      await this.database
        .query(
          'UPDATE token_quota SET issued_at = array_remove(issued_at, $2::timestamptz) WHERE identity = $1',
          [key, taken.at],
        )
        .catch(() => undefined);
    };
  }

  async sweep(signal?: AbortSignal): Promise<void> {
    const rows = {
      table: 'token_quota',
      condition: `coalesce(issued_at[cardinality(issued_at)], '-infinity'::timestamptz) < now() - interval '1 hour'`,
      parameters: [],
    };
    await deleteInBatches(this.database, rows, signal);
  }

  /** The next token is allowed when the oldest of the newest `tokensPerHour` tokens is an hour old. */
  async #waitSeconds(key: Buffer, tokensPerHour: number): Promise<number> {
    const [row] = await this.database.query<{ seconds: number }>(
      `SELECT ceil(extract(epoch FROM at + interval '1 hour' - clock_timestamp()))::int AS seconds
       FROM token_quota, unnest(issued_at) AS at
       WHERE identity = $1 ORDER BY at DESC OFFSET $2 LIMIT 1`,
      [key, tokensPerHour - 1],
    );
    return Math.max(1, row?.seconds ?? 1);
  }
}
