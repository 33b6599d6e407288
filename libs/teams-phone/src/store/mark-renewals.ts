import type { Database } from '#libs/platform';
import { awaitsRenewal, IS_MARKING, RENEWED } from './revocation-statements.js';

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
