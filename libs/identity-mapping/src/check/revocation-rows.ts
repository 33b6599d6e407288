import {
  entriesByRow,
  RECORDED_ENTRY,
  type RecordedEntry,
  recordedNear,
  type SliceRange,
} from '#libs/audit';
import type { Transaction } from '#libs/platform';

/** A row of `revocation`. Times are milliseconds since 1970. */
export interface StoredRevocation {
  readonly id: string;
  readonly number: number;
  readonly tenant: string | null;
  readonly clientApp: string | null;
  readonly kind: string | null;
  readonly resource: string | null;
  readonly invitation: string | null;
  readonly issuedBeforeMs: string | null;
  readonly reason: string;
  readonly startedMs: string;
  readonly finishedMs: string | null;
  /** Whether a token from before it may still be valid. */
  readonly isRecent: boolean;
}

const COLUMNS = `id, number, tenant, client_app AS "clientApp", kind, resource, invitation, reason,
  extract(epoch FROM issued_before) * 1000 AS "issuedBeforeMs",
  extract(epoch FROM started_at) * 1000 AS "startedMs",
  extract(epoch FROM finished_at) * 1000 AS "finishedMs",
  started_at > now() - interval '1 day' AS "isRecent"`;

export async function revocationsOf(
  transaction: Transaction,
  { after, until }: SliceRange<string>,
): Promise<readonly StoredRevocation[]> {
  return transaction.query<StoredRevocation[]>(
    `SELECT ${COLUMNS} FROM revocation
     WHERE id > $1 AND ($2::uuid IS NULL OR id <= $2) ORDER BY id`,
    [after, until],
  );
}

export async function revocationsById(
  transaction: Transaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredRevocation>> {
  const rows = await transaction.query<StoredRevocation[]>(
    `SELECT ${COLUMNS} FROM revocation WHERE id = ANY ($1)`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** The starts and ends that were recorded about when the rows began and ended. No column has the id of a row. */
const CANDIDATES = `
  SELECT r.id, ${RECORDED_ENTRY}
  FROM revocation r,
    LATERAL (VALUES ('revocation.start', r.started_at), ('revocation.end', r.finished_at)) AS step (action, at),
    LATERAL (SELECT * FROM audit_entry e WHERE e.action = step.action AND ${recordedNear('step.at')}) AS e
  WHERE r.id > $1 AND ($2::uuid IS NULL OR r.id <= $2)
    AND (e.action <> 'revocation.start' OR e.outcome = 'success')
  ORDER BY r.id, e.entry_index`;

/** By the id of a row, the entries that may be about it. */
export async function candidatesOf(
  transaction: Transaction,
  range: SliceRange<string>,
): Promise<ReadonlyMap<string, readonly RecordedEntry[]>> {
  return entriesByRow(transaction, CANDIDATES, range);
}
