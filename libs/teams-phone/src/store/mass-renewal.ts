// SQL about mass revocations in the statements of assignments. Those that began are in `revocation`.
import { CREATED_AHEAD_MS } from '#libs/audit';
import type { Database } from '#libs/platform';

/** A mass revocation that may concern assignments which are not `renewing` yet. */
export const IS_MARKING = 'is_marking_assignments AND finished_at IS NULL';

const LAST_REVOCATION = '(SELECT coalesce(max(number), 0) FROM revocation)';

/**
 * An assignment without applications is for any, and one whose tokens are being revoked may have tokens of
 * applications that it no longer names. `isConcerned` of assignment-comparison.ts has the same condition for
 * what the log recorded.
 *
 * @param row the name of the table or its alias
 */
const isConcerned = (row: string): string => `
  (r.tenant IS NULL OR r.tenant = ${row}.tenant::text)
  AND (r.resource IS NULL OR r.resource = ${row}.resource)
  AND (r.client_app IS NULL OR ${row}.client_ids = '{}' OR ${row}.status = 'renewing'
    OR r.client_app = ANY (${row}.client_ids::text[]))
  AND (r.issued_before IS NULL
    OR ${row}.created_at < r.issued_before + interval '${CREATED_AHEAD_MS} milliseconds')`;

/**
 * Whether a mass revocation has begun that is to renew the assignment: from its start on, the assignment
 * counts as `renewing`. One probe of an index that is empty most of the time.
 */
export const awaitsRenewal = (row: string): string => `
  (${row}.status IN ('pending', 'active', 'renewing') AND EXISTS (
    SELECT FROM revocation r
    WHERE ${IS_MARKING} AND r.number > ${row}.renewed_through AND ${isConcerned(row)}))`;

/** What makes the next version of an assignment, which is `renewing`. */
export const RENEWED = `
  status = 'renewing', version = version + 1, updated_at = clock_timestamp(),
  renewed_through = greatest(renewed_through, ${LAST_REVOCATION})`;

/** The `renewed_through` of an assignment without tokens from before. */
export const RENEWED_THROUGH_LAST = LAST_REVOCATION;

/** Locks no row that somebody else has locked, who may wait for one of this page. $1 id before it, $2 limit */
const MARK_PAGE = `
  WITH page AS MATERIALIZED (
    SELECT id AS page_id, ${awaitsRenewal('teams_phone_assignment')} AS is_awaiting
    FROM teams_phone_assignment WHERE id > $1 ORDER BY id LIMIT $2
  ), due AS MATERIALIZED (
    SELECT id AS due_id FROM teams_phone_assignment
    WHERE id IN (SELECT page_id FROM page WHERE is_awaiting)
      AND ${awaitsRenewal('teams_phone_assignment')}
    FOR UPDATE SKIP LOCKED
  ), marked AS (
    UPDATE teams_phone_assignment
    SET ${RENEWED}, lease_expires_at = coalesce(lease_expires_at, clock_timestamp())
    FROM due WHERE id = due_id
    RETURNING id
  )
  SELECT (SELECT page_id FROM page ORDER BY page_id DESC LIMIT 1) AS last,
    (SELECT count(*) FROM page WHERE is_awaiting) > (SELECT count(*) FROM marked) AS "isLeft"`;

/** $1 number of the newest */
const END_MARKING = `
  UPDATE revocation SET is_marking_assignments = false WHERE ${IS_MARKING} AND number <= $1`;

/** Assignments that one statement reads, and changes at most: far within its timeout. */
const PAGE_SIZE = 1_000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/**
 * Makes the assignments `renewing` that mass revocations concern, page by page, outside the lock of the log.
 * Safe in several replicas at once. A mass revocation is marking until a pass over all assignments that began
 * after it has left none.
 *
 * @param signal ends it between two pages
 */
export async function markRenewals(
  database: Database,
  signal?: AbortSignal,
  pageSize = PAGE_SIZE,
): Promise<void> {
  const [newest] = await database.query<{ number: number | null }>(
    `SELECT max(number) AS number FROM revocation WHERE ${IS_MARKING}`,
  );
  if (!newest || newest.number === null) return;
  let isComplete = true;
  for (let last: string | null = BEFORE_ALL; last !== null;) {
    if (signal?.aborted) return;
    const [page]: { last: string | null; isLeft: boolean }[] = await database.query(MARK_PAGE, [
      last,
      pageSize,
    ]);
    if (page?.isLeft) isComplete = false;
    last = page?.last ?? null;
  }
  if (isComplete) await database.query(END_MARKING, [newest.number]);
}
