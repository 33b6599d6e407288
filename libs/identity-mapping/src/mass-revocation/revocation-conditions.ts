// SQL about mass revocations in the statements of mappings.
import { CREATED_AHEAD_MS } from '#libs/audit';

/** Before this time a mapping has no token that ACS accepts. Rather too early than too late. */
export const TOKENS_SINCE = `coalesce(
  mapping.tokens_since, mapping.created_at - interval '${CREATED_AHEAD_MS} milliseconds')`;

/** The number of the newest mass revocation. */
export const LAST_REVOCATION = '(SELECT coalesce(max(number), 0) FROM revocation)';

/** The next `revoked_through` of a mapping that no earlier token is left of. */
export const REVOKED_THROUGH_LAST = `greatest(mapping.revoked_through, ${LAST_REVOCATION})`;

/**
 * Whether a mass revocation that is under way has not reached the mapping yet. One probe of an index that
 * is empty most of the time, so that the statements of an issuance can have it at no round trip.
 */
export const AWAITS_REVOCATION = `EXISTS (
  SELECT FROM revocation r
  WHERE r.finished_at IS NULL AND r.number > mapping.revoked_through
    AND (r.tenant IS NULL OR r.tenant = mapping.tenant)
    AND (r.kind IS NULL OR r.kind = mapping.kind)
    AND (r.resource IS NULL OR r.resource = mapping.resource)
    AND (r.issued_before IS NULL
         OR ${TOKENS_SINCE} < r.issued_before)
    AND (r.client_app IS NULL AND r.invitation IS NULL OR EXISTS (
      SELECT FROM revocation_target t WHERE t.revocation_id = r.id AND t.mapping_id = mapping.id)))`;

/** A mapping that may have tokens which ACS accepts. A suspended one has none once ACS has confirmed. */
export const MAY_HAVE_TOKENS = `(mapping.status IN ('active', 'deleting')
  OR mapping.status = 'suspended' AND mapping.is_revoking
  OR mapping.status = 'pending' AND mapping.lease_holder IS NOT NULL)`;
