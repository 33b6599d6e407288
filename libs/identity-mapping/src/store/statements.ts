import { COLUMNS } from './mapping-rows.js';

/** $1 id, $2 resource, $3 tenant, $4 subject, $5 kind, $6 holder, $7 duration */
export const CLAIM = `
  INSERT INTO mapping (id, resource, tenant, subject, kind, status, lease_holder, lease_expires_at)
  VALUES ($1, $2, $3, $4, $5, 'pending', $6, clock_timestamp() + $7 * interval '1 ms')
  ON CONFLICT (tenant, subject, resource) WHERE status <> 'deleted'
  DO UPDATE SET lease_holder = $6, updated_at = now(),
                lease_expires_at = clock_timestamp() + $7 * interval '1 ms'
    WHERE mapping.status = 'pending' AND mapping.lease_holder IS NULL AND mapping.kind = $5
  RETURNING id`;

/** $1 id, $2 holder, $3 duration */
export const TAKE_OVER = `
  UPDATE mapping
  SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms', updated_at = now()
  WHERE id = $1 AND status = 'pending' AND lease_expires_at < clock_timestamp()`;

/** $1 id, $2 holder, $3 communication identity, $4 version, $5 time */
export const ACTIVATE = `
  UPDATE mapping
  SET status = 'active', communication_user_id = $3, lease_holder = NULL, lease_expires_at = NULL,
      version = $4, updated_at = $5
  WHERE id = $1 AND status = 'pending' AND lease_holder = $2`;

/** $1 id, $2 holder */
export const RELEASE = `
  UPDATE mapping SET lease_holder = NULL, lease_expires_at = NULL, updated_at = now()
  WHERE id = $1 AND status = 'pending' AND lease_holder = $2`;

/** Columns as arrays in the order of the table; $11: in how many ms a revocation is due */
export const ADD = `
  INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id,
                       display_name, is_revoking, created_at, updated_at, lease_expires_at)
  SELECT id, resource, tenant, subject, kind, status, communication_user_id, display_name,
         is_revoking, created_at, created_at,
         CASE WHEN is_revoking THEN clock_timestamp() + $11 * interval '1 ms' END
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
              $8::text[], $9::boolean[], $10::timestamptz[])
       AS added (id, resource, tenant, subject, kind, status, communication_user_id, display_name,
                 is_revoking, created_at)
  ON CONFLICT DO NOTHING
  RETURNING id`;

/** $1 id and $2 version of the known one; the rest from the next one; $11 holder, $12 duration */
export const REPLACE = `
  UPDATE mapping
  SET status = $3, display_name = $4, token_generation = $5, is_revoking = $6,
      communication_user_id = $7, version = $8, updated_at = $9, deleted_at = $10,
      lease_holder = CASE WHEN $11::uuid IS NULL THEN lease_holder ELSE $11 END,
      lease_expires_at = CASE WHEN $11::uuid IS NULL THEN lease_expires_at
                              ELSE clock_timestamp() + $12 * interval '1 ms' END
  WHERE id = $1 AND version = $2 AND status <> 'deleted'
    AND (status <> 'pending' OR lease_holder IS NULL)`;

/** $1 id, $2 generation */
export const FINISH_REVOCATION = `
  UPDATE mapping
  SET is_revoking = false, lease_holder = NULL, lease_expires_at = NULL,
      version = version + 1, updated_at = now()
  WHERE id = $1 AND is_revoking AND token_generation = $2`;

/** $1 id */
export const FINISH_DELETION = `
  UPDATE mapping
  SET status = 'deleted', display_name = NULL, lease_holder = NULL, lease_expires_at = NULL,
      version = version + 1, updated_at = now(), deleted_at = now()
  WHERE id = $1 AND status = 'deleting'`;

/** $1 communication identity, $2 mapping, $3 holder, $4 duration */
export const ADD_ORPHAN = `
  INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_holder, lease_expires_at)
  VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
  ON CONFLICT DO NOTHING
  RETURNING communication_user_id`;

/** $1 communication identity */
export const FINISH_ORPHAN = `
  UPDATE mapping_orphan SET deleted_at = now(), lease_holder = NULL, lease_expires_at = NULL
  WHERE communication_user_id = $1 AND deleted_at IS NULL`;

/** $1 limit, $2 holder, $3 duration */
export const CLAIM_OVERDUE = `
  WITH overdue AS MATERIALIZED (
    SELECT id AS overdue_id FROM mapping WHERE lease_expires_at < now()
    ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE mapping
    SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms'
    FROM overdue WHERE id = overdue_id
    RETURNING ${COLUMNS}
  )
  SELECT * FROM claimed`;

/** $1 limit, $2 holder, $3 duration */
export const CLAIM_OVERDUE_ORPHANS = `
  WITH overdue AS MATERIALIZED (
    SELECT communication_user_id AS overdue_id FROM mapping_orphan WHERE lease_expires_at < now()
    ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE mapping_orphan
    SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms'
    FROM overdue WHERE communication_user_id = overdue_id
    RETURNING communication_user_id AS orphan_id, mapping_id
  )
  SELECT ${COLUMNS}, claimed.orphan_id AS "orphanId" FROM claimed JOIN mapping ON mapping.id = mapping_id`;
