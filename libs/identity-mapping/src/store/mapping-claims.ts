import { type Database, isWorkLeaseOver, sqlState, StatementBatcher } from '#libs/platform';
import { LAST_REVOCATION } from '../mass-revocation/revocation-conditions.js';
import type { Mapping, TenantSubject } from '../model/mapping.js';
import type { Lease } from './identity-map.js';
import { MAPPING_COLUMNS, type MappingRow, SELECT_LIST } from './mapping-columns.js';
import { PERSON_ORDER } from './person-order.js';

interface ClaimRequest {
  /** Stored if its identity has none, in any resource. */
  readonly pending: Mapping;
  readonly lease: Lease;
}

/** The mapping of a claim, and whether its lease is the caller's. */
export type ClaimedRow = MappingRow & {
  readonly isLeaseExpired: boolean;
  readonly isAcquired: boolean;
};

const NAMES = MAPPING_COLUMNS.map(({ name }) => name).join(', ');
const TYPES = ['uuid', 'integer', ...MAPPING_COLUMNS.map(({ type }) => type)];
const ARRAYS = TYPES.map((type, nth) => `$${nth + 1}::${type}[]`).join(', ');

/** The mapping of the person of `c` that a claim is about. */
const STORED = `
  FROM mapping
  WHERE mapping.tenant = c.tenant AND mapping.subject = c.subject AND mapping.status <> 'deleted'
  ORDER BY ${PERSON_ORDER} LIMIT 1`;

/** A stored mapping stays in its resource. */
const VALUES = MAPPING_COLUMNS.map(({ name }) =>
  name === 'resource' ? `coalesce((SELECT mapping.resource ${STORED}), c.resource)` : `c.${name}`,
).join(', ');

/**
 * Arrays of holders, durations and the values of `MAPPING_COLUMNS`, each person once, and their length, for
 * which the planner keeps one plan (see `MappingLookup`). Returns each mapping, acquired or stored, except
 * one that another caller has stored just now. Fails with a unique violation when that was in another resource.
 */
const CLAIM = `
  WITH c AS MATERIALIZED (
    SELECT * FROM unnest(${ARRAYS}) AS c (holder, duration, ${NAMES}) LIMIT $${TYPES.length + 1}),
  claimed AS (
    INSERT INTO mapping (lease_holder, lease_expires_at, revoked_through, ${NAMES})
    SELECT holder, clock_timestamp() + duration * interval '1 ms', ${LAST_REVOCATION}, ${VALUES} FROM c
    ON CONFLICT (tenant, subject, resource) WHERE status <> 'deleted'
    DO UPDATE SET lease_holder = EXCLUDED.lease_holder, updated_at = now(),
                  lease_expires_at = EXCLUDED.lease_expires_at,
                  revoked_through = greatest(mapping.revoked_through, EXCLUDED.revoked_through)
      WHERE mapping.status = 'pending' AND mapping.lease_holder IS NULL AND mapping.kind = EXCLUDED.kind
    RETURNING ${SELECT_LIST}, false AS "isLeaseExpired", true AS "isAcquired"
  )
  SELECT * FROM claimed
  UNION ALL
  SELECT stored.* FROM c, LATERAL (
    SELECT ${SELECT_LIST}, coalesce(${isWorkLeaseOver('clock_timestamp()')}, false), false
    ${STORED}
  ) AS stored
  WHERE NOT EXISTS (
    SELECT FROM claimed WHERE claimed.tenant = c.tenant AND claimed.subject = c.subject)`;

const UNIQUE_VIOLATION = '23505';

/** Claims pending mappings. Claims of one moment share a statement. */
export class MappingClaims {
  readonly #batcher = new StatementBatcher<ClaimRequest, ClaimedRow | undefined>(async (claims) =>
    this.#claimAll(claims),
  );

  constructor(private readonly database: Database) {}

  /** @returns `undefined` when another caller has stored the mapping just now */
  async claim(pending: Mapping, lease: Lease): Promise<ClaimedRow | undefined> {
    return this.#batcher.answer({ pending, lease });
  }

  async #claimAll(claims: readonly ClaimRequest[]): Promise<(ClaimedRow | undefined)[]> {
    const firsts = new Map<string, ClaimRequest>();
    for (const claim of claims) {
      const key = keyOf(claim.pending);
      if (!firsts.has(key)) firsts.set(key, claim);
    }
    // In one order in every replica, so that statements don't wait for each other in a circle.
    const ordered = [...firsts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, claim]) => claim);
    const rows = await this.#claimOrdered(ordered);
    const found = new Map(rows.map((row) => [keyOf(row), row]));
    return claims.map((claim) => {
      const key = keyOf(claim.pending);
      const row = found.get(key);
      // Of claims of one identity, the first may acquire the lease; the others find it held.
      return row && { ...row, isAcquired: row.isAcquired && firsts.get(key) === claim };
    });
  }

  async #claimOrdered(ordered: readonly ClaimRequest[]): Promise<readonly ClaimedRow[]> {
    const parameters = [
      ordered.map(({ lease }) => lease.holder),
      ordered.map(({ lease }) => lease.durationMs),
      ...MAPPING_COLUMNS.map(({ property }) =>
        ordered.map(({ pending }) => pending[property] ?? null),
      ),
      ordered.length,
    ];
    for (;;) {
      try {
        return await this.database.queryPrepared<ClaimedRow>('mapping_claim', CLAIM, parameters);
      } catch (error) {
        // A replica with another default resource was faster: the next statement finds its mapping.
        if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      }
    }
  }
}

function keyOf({ tenant, subject }: TenantSubject): string {
  return JSON.stringify([tenant, subject]);
}
