import type { Transaction } from '#libs/platform';
import { ORPHANED } from '../model/mapping.js';

/** An orphan whose row and entries differ; see `MappingDifference`. */
interface OrphanDifference {
  readonly kind: 'orphan-differs';
  readonly mapping: string;
  readonly entry?: number;
  readonly detail: string;
}

interface OrphanRow {
  readonly mapping: string;
  readonly entry: string | null;
  readonly detail: string;
}

/**
 * Compares the identities that no mapping leads to with the log, in both directions. Rows come with their
 * entries, in one transaction; those of retired entries are left out.
 *
 * @returns nothing for a role that may not read the table
 */
export async function checkOrphans(transaction: Transaction): Promise<OrphanDifference[]> {
  const [role] = await transaction.query<{ isPermitted: boolean }[]>(
    `SELECT has_table_privilege('mapping_orphan', 'SELECT') AS "isPermitted"`,
  );
  if (role?.isPermitted !== true) return [];
  const rows = await transaction.query<OrphanRow[]>(DIFFERENCES);
  return rows.map(({ mapping, entry, detail }) => ({
    kind: 'orphan-differs',
    mapping,
    ...(entry !== null && { entry: Number(entry) }),
    detail,
  }));
}

const DIFFERENCES = `
  WITH recorded AS (
    SELECT communication_user_id, min(identity_id) AS mapping_id,
           bool_or(action = 'identity.create') AS is_added,
           bool_or(action = 'identity.delete') AS is_deleted, min(entry_index) AS entry
    FROM audit_entry
    WHERE reason_code = '${ORPHANED}'
      AND (action, outcome) IN (('identity.create', 'failure'), ('identity.delete', 'success'))
    GROUP BY communication_user_id
  ), compared AS (
    SELECT coalesce(m.id::text, o.mapping_id::text, r.mapping_id) AS mapping, r.entry,
      CASE
        WHEN m.id IS NOT NULL THEN 'the identity of the mapping is an orphan'
        WHEN o.mapping_id IS NULL THEN 'no row has this orphan'
        WHEN r.is_added IS NOT TRUE THEN CASE WHEN EXISTS (
            SELECT FROM audit_entry WHERE action = 'audit.retain' AND outcome = 'success'
          ) AND o.created_at < (SELECT min(recorded_at) FROM audit_entry)
          THEN NULL ELSE 'the log has no entry that adds this orphan' END
        WHEN o.mapping_id::text <> r.mapping_id THEN 'mapping_id of an orphan'
        WHEN (o.deleted_at IS NOT NULL) <> r.is_deleted THEN 'deleted_at of an orphan'
      END AS detail
    FROM recorded r FULL JOIN mapping_orphan o USING (communication_user_id)
      LEFT JOIN mapping m USING (communication_user_id)
  )
  SELECT mapping, entry, detail FROM compared WHERE detail IS NOT NULL
  ORDER BY mapping, entry LIMIT 1000`;
