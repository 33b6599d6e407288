import { distinctValues, isWorkLeaseOver } from '#libs/platform';
import { ORPHANED } from '../model/mapping.js';
import { LAST_REVOCATION } from '../mass-revocation/revocation-conditions.js';
import type { MappingSearch } from './identity-map.js';
import { MAPPING_COLUMNS, SELECT_LIST } from './mapping-columns.js';

const NAMES = MAPPING_COLUMNS.map(({ name }) => name).join(', ');

/** An array for each of `MAPPING_COLUMNS` */
export const ADD = `
  INSERT INTO mapping (lease_expires_at, revoked_through, ${NAMES})
  SELECT CASE WHEN is_revoking THEN clock_timestamp() END, ${LAST_REVOCATION}, ${NAMES}
  FROM unnest(${MAPPING_COLUMNS.map(({ type }, n) => `$${n + 1}::${type}[]`).join(', ')})
       AS added (${NAMES})
  ON CONFLICT DO NOTHING
  RETURNING id`;

/** $1 communication identity, $2 mapping, $3 holder, $4 duration */
export const ADD_ORPHAN = `
  INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_holder, lease_expires_at)
  VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
  ON CONFLICT DO NOTHING
  RETURNING communication_user_id`;

/**
 * Whether the log has a successful entry that names the row. ACS can't undo a deletion, so a row alone
 * is no reason for one. LIMIT keeps it one lookup for each row, where the planner would read all such entries.
 */
const recorded = (condition: string): string =>
  `(SELECT true FROM audit_entry WHERE ${condition} LIMIT 1) IS TRUE`;

const DELETION_IS_RECORDED = recorded(`
  identity_id = mapping.id::text AND action = 'identity.delete' AND outcome = 'success'
  AND reason_code IS DISTINCT FROM '${ORPHANED}'`);

const ORPHAN_IS_RECORDED = recorded(`
  audit_entry.communication_user_id = mapping_orphan.communication_user_id
  AND action = 'identity.create' AND outcome = 'failure' AND reason_code = '${ORPHANED}'`);

/** $1 communication identity */
export const IS_ORPHAN = 'SELECT true FROM mapping_orphan WHERE communication_user_id = $1';

export const OWED_RESOURCES = distinctValues(
  ...(['mapping', 'resource', 'lease_expires_at IS NOT NULL'] as const),
);

export const ORPHANS_OWED_RESOURCES = `
  SELECT DISTINCT mapping.resource AS value
  FROM mapping_orphan JOIN mapping ON mapping.id = mapping_orphan.mapping_id
  WHERE mapping_orphan.lease_expires_at IS NOT NULL`;

/** Without deletions that nobody has requested, which the row check reports. $1 limit, $2 holder, $3 duration, $4 resource */
export const CLAIM_OVERDUE = `
  WITH overdue AS MATERIALIZED (
    SELECT id AS overdue_id FROM mapping
    WHERE resource = $4 AND ${isWorkLeaseOver('now()')}
      AND (status <> 'deleting' OR ${DELETION_IS_RECORDED})
    ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE mapping
    SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms'
    FROM overdue WHERE id = overdue_id
    RETURNING ${SELECT_LIST}
  )
  SELECT * FROM claimed`;

/**
 * Without those that a mapping leads to, or that are not in the log; the row check reports them.
 * $1 limit, $2 holder, $3 duration, $4 resource of the mapping for which they were created
 */
export const CLAIM_OVERDUE_ORPHANS = `
  WITH overdue AS MATERIALIZED (
    SELECT communication_user_id AS overdue_id FROM mapping_orphan
    WHERE ${isWorkLeaseOver('now()')} AND ${ORPHAN_IS_RECORDED}
      AND EXISTS (SELECT FROM mapping WHERE mapping.id = mapping_id AND mapping.resource = $4)
      AND NOT EXISTS (
        SELECT FROM mapping WHERE mapping.communication_user_id = mapping_orphan.communication_user_id)
    ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE mapping_orphan
    SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms'
    FROM overdue WHERE communication_user_id = overdue_id
    RETURNING communication_user_id AS orphan_id, mapping_id
  )
  SELECT ${SELECT_LIST}, claimed.orphan_id AS "orphanId" FROM claimed JOIN mapping ON mapping.id = mapping_id`;

/**
 * Each filter has an index that ends in `id`, so that the cost of a page does not depend on how many
 * mappings come before it.
 */
export function searchQuery(search: MappingSearch): { sql: string; parameters: unknown[] } {
  const { tenant, kind, subject, communicationUserId, displayName, status, after, limit } = search;
  const parameters: unknown[] = [];
  const place = (value: unknown): string => `$${parameters.push(value)}`;
  const equal = { tenant, kind, subject, communication_user_id: communicationUserId, status };
  const conditions = Object.entries(equal)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = ${place(value)}`);
  if (status === undefined) conditions.push(`status <> 'deleted'`);
  if (displayName !== undefined) {
    const literally = displayName.replaceAll(/[\\%_]/g, '\\$&');
    conditions.push(`lower(display_name) LIKE lower(${place(literally)}) || '%'`);
  }
  if (after !== undefined) conditions.push(`id > ${place(after)}`);
  const sql = `SELECT ${SELECT_LIST} FROM mapping WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT ${place(limit)}`;
  return { sql, parameters };
}
