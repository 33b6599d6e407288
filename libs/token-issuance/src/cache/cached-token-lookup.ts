import { type Database, StatementBatcher } from '#libs/platform';
import type { CacheKey } from './token-cache.js';

/** An encrypted token as it is stored. Times in milliseconds. */
export interface CachedTokenRow {
  readonly ciphertext: Buffer;
  readonly wrappedKey: Buffer;
  readonly keyVersion: string;
  readonly expiresOnMs: number;
  readonly reusableUntilMs: number;
  readonly fingerprint: string;
  readonly fingerprintKey: string;
  readonly secretVersion: string | null;
}

interface Lookup {
  readonly key: CacheKey;
  readonly nowMs: number;
}

type LookupRow = CachedTokenRow & { readonly ordinal: string };

/** As the lookup of mappings: one index lookup for each row, and one plan for any number of rows. */
const FIND = `
  SELECT c.n AS ordinal, kept.*
  FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::float8[])
        WITH ORDINALITY LIMIT $6) AS c (mapping_id, variant, token_generation, policy_version, now_ms, n),
  LATERAL (
    SELECT sealed AS ciphertext, wrapped_key AS "wrappedKey", key_version AS "keyVersion",
      (extract(epoch FROM expires_on) * 1000)::float8 AS "expiresOnMs",
      (extract(epoch FROM reusable_until) * 1000)::float8 AS "reusableUntilMs", fingerprint,
      fingerprint_key AS "fingerprintKey", secret_version AS "secretVersion"
    FROM token_cache
    WHERE mapping_id = c.mapping_id AND variant = c.variant
      AND token_generation = c.token_generation AND policy_version = c.policy_version
      AND reusable_until >= to_timestamp(c.now_ms / 1000)
    LIMIT 1
  ) AS kept`;

/** Finds encrypted tokens. Lookups of one moment share a statement. */
export class CachedTokenLookup {
  readonly #batcher = new StatementBatcher<Lookup, CachedTokenRow | undefined>(async (lookups) =>
    this.#findAll(lookups),
  );

  constructor(private readonly database: Database) {}

  async find(key: CacheKey, nowMs: number): Promise<CachedTokenRow | undefined> {
    return this.#batcher.answer({ key, nowMs });
  }

  async #findAll(lookups: readonly Lookup[]): Promise<(CachedTokenRow | undefined)[]> {
    const rows = await this.database.queryPrepared<LookupRow>('token_cache_find', FIND, [
      lookups.map(({ key }) => key.mappingId),
      lookups.map(({ key }) => key.variant),
      lookups.map(({ key }) => key.tokenGeneration),
      lookups.map(({ key }) => key.policyVersion),
      lookups.map(({ nowMs }) => nowMs),
      lookups.length,
    ]);
    const found = new Map(rows.map((row) => [Number(row.ordinal), row]));
    return lookups.map((_, nth) => found.get(nth + 1));
  }
}
