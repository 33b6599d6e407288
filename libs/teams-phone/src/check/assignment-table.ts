import {
  BEFORE_VALID_TOKENS,
  entriesByRow,
  entriesOfActions,
  type RetainedEntries,
  RECORDED_ENTRY,
  type RecordedEntry,
  type RecordedTable,
  type RowDifference,
  type SliceRange,
} from '#libs/audit';
import { isCanonicalGuid, type Transaction } from '#libs/platform';
import { IS_MARKING } from '../store/revocation-statements.js';
import { AssignmentComparison, type StoredAssignment } from './assignment-comparison.js';

const ROWS = `
  SELECT id, resource, tenant, object_id AS "objectId", principal_type AS "principalType",
    client_ids AS "clientIds", status, version, renewed_through AS "renewedThrough",
    extract(epoch FROM created_at) * 1000 AS "createdMs"
  FROM teams_phone_assignment WHERE id > $1 AND ($2::uuid IS NULL OR id <= $2) ORDER BY id`;

/** The entries about the principals: their assignments, and what revokes the tokens under them. */
const ENTRIES = `
  SELECT a.id, ${RECORDED_ENTRY} FROM teams_phone_assignment a, LATERAL (
    SELECT * FROM audit_entry e
    WHERE e.target_subject = a.object_id::text AND e.action IN
      ('teams-phone.assign', 'teams-phone.unassign', 'token.revoke', 'identity.delete')) AS e
  WHERE a.id > $1 AND ($2::uuid IS NULL OR a.id <= $2) AND e.outcome IN ('success', 'denied')
  ORDER BY a.id, e.entry_index`;

/** The assignments of Teams Phone. */
export class AssignmentTable implements RecordedTable {
  readonly name = 'assignments';
  readonly noun = 'assignment';
  readonly table = 'teams_phone_assignment';
  readonly reads = ['teams_phone_assignment', 'revocation'];
  readonly actions = ['teams-phone.assign', 'teams-phone.unassign'];

  async compareRows(
    transaction: Transaction,
    range: SliceRange<string>,
    retained: RetainedEntries,
  ): Promise<readonly RowDifference[]> {
    const rows = await transaction.query<StoredAssignment[]>(ROWS, [range.after, range.until]);
    const entries = await entriesByRow(transaction, ENTRIES, range);
    const revocations = await recentMassRevocations(transaction);
    const marking = await markingRevocations(transaction);
    return rows.flatMap((row) => {
      const about = entries.get(row.id) ?? [];
      return new AssignmentComparison(row, about, revocations, marking, retained).differences();
    });
  }

  async compareEntries(
    transaction: Transaction,
    range: SliceRange<number>,
  ): Promise<readonly RowDifference[]> {
    const entries = await entriesOfActions(transaction, this.actions, range);
    const about = entries.flatMap((one) => {
      const id = one.entry?.details?.assignment;
      return typeof id === 'string' && isCanonicalGuid(id) ? [{ ...one, id }] : [];
    });
    const rows = await transaction.query<{ id: string }[]>(
      'SELECT id FROM teams_phone_assignment WHERE id = ANY ($1)',
      [about.map(({ id }) => id)],
    );
    const known = new Set(rows.map(({ id }) => id));
    return about
      .filter(({ id }) => !known.has(id))
      .map(({ id, index, action }) => ({
        ...{ kind: 'row-missing', row: id, entry: index },
        detail: `no row has this id of ${action}`,
      }));
  }
}

/** The numbers, by their ids, of the mass revocations that have not reached all assignments. */
async function markingRevocations(transaction: Transaction): Promise<ReadonlyMap<string, number>> {
  const rows = await transaction.query<{ id: string; number: number }[]>(
    `SELECT id, number FROM revocation WHERE ${IS_MARKING}`,
  );
  return new Map(rows.map(({ id, number }) => [id, number]));
}

/** The starts of mass revocations from whose time a token may still be valid. */
async function recentMassRevocations(transaction: Transaction): Promise<readonly RecordedEntry[]> {
  const [valid] = await transaction.query<{ last: string }[]>(BEFORE_VALID_TOKENS);
  const range = { after: Number(valid?.last ?? -1), until: undefined };
  const starts = await entriesOfActions(transaction, ['revocation.start'], range);
  return starts.filter(({ outcome }) => outcome === 'success');
}
