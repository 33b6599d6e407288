/** No ACS token is valid for longer; an hour covers clocks that differ. */
const TOKEN_LIFETIME = `interval '25 hours'`;

/**
 * The next entries about a client application, and the place of the last of them: `$1` client application,
 * `$2` the place after which they begin, `$3` how many at most. No row: there is none.
 */
export const NEXT_ENTRIES_OF_CLIENT_APP = `
  SELECT max(entry_index) AS last, count(*)::integer AS entries FROM (
    SELECT entry_index FROM audit_entry WHERE client_app = $1 AND entry_index > $2
    ORDER BY entry_index LIMIT $3
  ) AS next HAVING count(*) > 0`;

/** The place before the first entry whose token may be valid. The times of the log never decrease. */
export const BEFORE_VALID_TOKENS = `
  SELECT coalesce(
    (SELECT entry_index - 1 FROM audit_entry WHERE recorded_at > now() - ${TOKEN_LIFETIME}
     ORDER BY recorded_at, entry_index LIMIT 1),
    (SELECT max(entry_index) FROM audit_entry), -1) AS last`;

/**
 * SQL: the ids of the identities whose tokens, valid ones among them, a client application got.
 *
 * @param clientApp a placeholder, or a column of the statement around
 * @param range a condition on `entry_index`
 */
export function tokenRecipients(clientApp: string, range = 'true'): string {
  return `
    SELECT DISTINCT identity_id::uuid FROM audit_entry
    WHERE client_app = ${clientApp} AND action IN ('token.issue', 'token.reuse')
      AND outcome = 'success' AND identity_id IS NOT NULL
      AND recorded_at > now() - ${TOKEN_LIFETIME} AND ${range}`;
}
