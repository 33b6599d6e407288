import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ApplicationIdentity } from '#libs/identity-mapping';
import { type Clock, Database } from '#libs/platform';
import { TokenQuotaExceeded } from '../policy/errors.js';

type Identity = Pick<ApplicationIdentity, 'tenant' | 'subject'>;

const HOUR_MS = 3_600_000;

/** Counts the new tokens of an identity over any 60 minutes, in all replicas together. */
export abstract class TokenQuota {
  /**
   * Takes one place.
   *
   * @returns what gives the place back when no token came of it
   * @throws TokenQuotaExceeded which says when the next place is free
   */
  abstract take(identity: Identity, tokensPerHour: number): Promise<() => Promise<void>>;

  /** Forgets identities without a token in the last hour. */
  abstract sweep(): Promise<void>;
}

/** Counts in PostgreSQL, by its clock: one row for each identity, named by a hash. */
@Injectable()
export class PostgresTokenQuota extends TokenQuota {
  constructor(private readonly database: Database) {
    super();
  }

  async take(identity: Identity, tokensPerHour: number): Promise<() => Promise<void>> {
    const key = createHash('sha256').update(keyOf(identity)).digest();
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
    if (!taken)
      throw new TokenQuotaExceeded(tokensPerHour, await this.#waitSeconds(key, tokensPerHour));
    return async () => {
      await this.database.query(
        'UPDATE token_quota SET issued_at = array_remove(issued_at, $2::timestamptz) WHERE identity = $1',
        [key, taken.at],
      );
    };
  }

  async sweep(): Promise<void> {
    await this.database.query(
      `DELETE FROM token_quota
       WHERE NOT EXISTS (SELECT FROM unnest(issued_at) AS at WHERE at > clock_timestamp() - interval '1 hour')`,
    );
  }

  /** A place is free when the oldest of the newest `tokensPerHour` tokens is an hour old. */
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

/** Counts in memory, for tests. */
export class MemoryTokenQuota extends TokenQuota {
  readonly #issued = new Map<string, number[]>();

  constructor(private readonly clock: Clock) {
    super();
  }

  async take(identity: Identity, tokensPerHour: number): Promise<() => Promise<void>> {
    const key = keyOf(identity);
    const now = this.clock.now();
    const recent = (this.#issued.get(key) ?? []).filter((at) => at > now - HOUR_MS);
    if (recent.length >= tokensPerHour) {
      const waitMs = (recent.at(-tokensPerHour) ?? now) + HOUR_MS - now;
      throw new TokenQuotaExceeded(tokensPerHour, Math.max(1, Math.ceil(waitMs / 1000)));
    }
    this.#issued.set(key, [...recent, now]);
    return Promise.resolve(async () => {
      const all = this.#issued.get(key) ?? [];
      this.#issued.set(key, all.toSpliced(all.indexOf(now), 1));
      return Promise.resolve();
    });
  }

  async sweep(): Promise<void> {
    const now = this.clock.now();
    for (const [key, times] of this.#issued) {
      if (times.every((at) => at <= now - HOUR_MS)) this.#issued.delete(key);
    }
    return Promise.resolve();
  }
}

function keyOf({ tenant, subject }: Identity): string {
  return JSON.stringify([tenant, subject]);
}
