// What a check reads, in the order of ids. Cursors, so that neither side is held in memory.
import type { Transaction } from '#libs/platform';
import { type MappingEntry, ORPHANED } from './mapping-history.js';

const FETCH_SIZE = 2_000;

/** Entries that name a mapping and succeeded. Entries of refusals may name anything. */
const ACTIONS = [
  'identity.create',
  'identity.link',
  'identity.import',
  'identity.outcome-unknown',
  'identity.read',
  'identity.update',
  'identity.suspend',
  'identity.resume',
  'identity.delete',
  'token.issue',
  'token.reuse',
  'token.revoke',
];

/** Their details say nothing about the mapping. */
const READING_ACTIONS = ['identity.read', 'token.issue', 'token.reuse'];

/**
 * The columns equal the bytes of their entries, because the log has been verified in this snapshot.
 * OFFSET 0 lets the server parse each entry once, and sort what is left of it.
 */
export const ENTRIES = `
  SELECT identity_id AS "identityId", entry_index AS index, action, reason_code AS "reasonCode",
         extract(epoch FROM recorded_at) * 1000 AS "recordedAtMs",
         target, details, "nameHash",
         CASE WHEN "nameHash" IS NOT NULL THEN (
           SELECT salts FROM audit_personal p
           WHERE p.recorded_at = e.recorded_at AND p.entry_index = e.entry_index AND p.whose = 'target'
         ) END AS "nameSalts"
  FROM audit_entry e, LATERAL (
    SELECT entry -> 'target' AS target, entry -> 'personal' ->> 'targetDisplayName' AS "nameHash",
           CASE WHEN action NOT IN (${texts(READING_ACTIONS)}) THEN entry -> 'details' END AS details
    FROM (SELECT convert_from(e.leaf, 'UTF8')::json AS entry OFFSET 0) AS parsed OFFSET 0
  ) AS members
  WHERE identity_id IS NOT NULL AND action IN (${texts(ACTIONS)})
    AND (outcome IN ('success', 'unknown') OR action = 'identity.create' AND reason_code = '${ORPHANED}')
  ORDER BY identity_id, entry_index`;

/** A row of `ENTRIES`. */
export type StoredMappingEntry = Omit<MappingEntry, 'index' | 'recordedAtMs'> &
  Readonly<Record<'index' | 'recordedAtMs', string>>;

export const ROWS = `
  SELECT id, resource, tenant, subject, kind, status, communication_user_id, display_name, version,
         token_generation, is_revoking,
         lease_holder IS NOT NULL OR lease_expires_at IS NOT NULL AS is_leased,
         extract(epoch FROM created_at) * 1000 AS created_ms,
         extract(epoch FROM updated_at) * 1000 AS updated_ms,
         extract(epoch FROM deleted_at) * 1000 AS deleted_ms
  FROM mapping ORDER BY id`;

/** Groups of rows that a unique index would have refused. `$1`: how many groups */
export const DUPLICATES = [
  {
    kind: 'person-mapped-twice',
    sql: duplicates('tenant, subject, resource', `WHERE status <> 'deleted'`),
  },
  {
    kind: 'identity-mapped-twice',
    sql: duplicates('communication_user_id', 'WHERE communication_user_id IS NOT NULL'),
  },
] as const;

/** A group of rows: how many, the first of their ids, and how many such groups there are. */
export interface DuplicateRow {
  readonly rows: string;
  readonly ids: readonly string[];
  readonly groups: string;
}

/** The rows of a statement, read through a cursor. */
export async function* rowsOf<Row>(
  transaction: Transaction,
  cursor: string,
  sql: string,
): AsyncGenerator<Row, undefined> {
  await transaction.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const rows = await transaction.query<Row[]>(`FETCH ${FETCH_SIZE} FROM ${cursor}`);
    yield* rows;
    if (rows.length < FETCH_SIZE) break;
  }
  await transaction.query(`CLOSE ${cursor}`);
  return undefined;
}

function duplicates(columns: string, condition: string): string {
  return `
    SELECT count(*) AS rows, (array_agg(id::text ORDER BY id))[1:5] AS ids, count(*) OVER () AS groups
    FROM mapping ${condition} GROUP BY ${columns} HAVING count(*) > 1 ORDER BY ids LIMIT $1`;
}

function texts(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(', ');
}
