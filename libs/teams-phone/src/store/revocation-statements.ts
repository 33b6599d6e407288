// SQL about mass revocations in the statements of assignments. `revocation`, which has those that began, is a table
// of identity-mapping.
import { CREATED_AHEAD_MS } from '#libs/audit';

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
