/** No ACS token is valid for longer; an hour covers clocks that differ. */
const TOKEN_LIFETIME = `interval '25 hours'`;

/** The place of the newest entry about a client application: `$1`. */
export const NEWEST_ENTRY_OF_CLIENT_APP = `
  SELECT coalesce(max(entry_index), -1) AS newest FROM audit_entry WHERE client_app = $1`;

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
