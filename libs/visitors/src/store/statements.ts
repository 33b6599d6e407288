// The statements about uses. Those that lock visitors and their invitation lock the visitors first.

/** $1 invitation, $2 its hash, $3 visitor, $4 lease */
export const TAKE = `
  WITH taken AS (
    UPDATE invitation SET uses = uses + 1
    WHERE id = $1 AND hash = $2 AND ended_at IS NULL AND expires_at > clock_timestamp()
      AND uses < max_uses
    RETURNING id, tenant, meeting, scopes, max_uses AS "maxUses", expires_at AS "expiresAt"
  ), reserved AS (
    INSERT INTO visitor (id, invitation_id, due_at)
    SELECT $3, id, clock_timestamp() + $4 * interval '1 ms' FROM taken
  )
  SELECT * FROM taken`;

export const ADMIT = `
  UPDATE visitor SET status = 'admitted', due_at = c.delete_at
  FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS c (id, delete_at, n), invitation
  WHERE visitor.id = c.id AND visitor.status = 'reserved'
    AND invitation.id = visitor.invitation_id AND invitation.ended_at IS NULL
  RETURNING c.n`;

/** Of those whose identity is not deleted yet. $1 invitation */
export const ADMITTED = `
  SELECT id FROM visitor
  WHERE invitation_id = $1 AND status = 'admitted' AND due_at IS NOT NULL`;

/** $1 visitor */
export const RELEASE = `
  WITH released AS (
    UPDATE visitor SET status = 'released', due_at = clock_timestamp()
    WHERE id = $1 AND status = 'reserved'
    RETURNING invitation_id
  )
  UPDATE invitation SET uses = uses - 1 FROM released WHERE id = invitation_id`;

/** A worker has those that are due within a minute, or will soon. $1 invitation, $2 tenant */
export const END_VISITORS = `
  UPDATE visitor SET due_at = least(due_at, clock_timestamp())
  FROM invitation
  WHERE invitation.id = $1 AND invitation.tenant = $2 AND visitor.invitation_id = invitation.id
    AND visitor.status = 'admitted' AND visitor.due_at > clock_timestamp() + interval '1 minute'`;

/** Visitors that are due, with the ACS resource of their identity: '' without one. */
const DUE = `
  FROM visitor JOIN invitation ON invitation.id = visitor.invitation_id, LATERAL (
    SELECT coalesce((
      SELECT mapping.resource FROM mapping
      WHERE mapping.tenant = invitation.tenant AND mapping.subject = visitor.id::text
        AND mapping.status <> 'deleted' LIMIT 1), '') AS resource) AS identity
  WHERE visitor.due_at < now()`;

export const DUE_RESOURCES = `SELECT DISTINCT identity.resource ${DUE}`;

/** Returns the uses of those whose lease has ended. $1 limit, $2 duration, $3 resource */
export const CLAIM_DUE = `
  WITH due AS MATERIALIZED (
    SELECT visitor.id AS due_id, visitor.status AS found ${DUE} AND identity.resource = $3
    ORDER BY visitor.due_at LIMIT $1 FOR UPDATE OF visitor SKIP LOCKED
  ), claimed AS (
    UPDATE visitor
    SET status = CASE status WHEN 'reserved' THEN 'released' ELSE status END,
        due_at = clock_timestamp() + $2 * interval '1 ms'
    FROM due WHERE id = due_id
    RETURNING id, invitation_id, created_at, status, found
  ), returned AS (
    UPDATE invitation SET uses = uses - lapsed.count
    FROM (SELECT invitation_id, count(*)::integer FROM claimed WHERE found = 'reserved'
          GROUP BY invitation_id) AS lapsed
    WHERE id = lapsed.invitation_id
  )
  SELECT claimed.id, invitation.tenant, claimed.status = 'admitted' AS "isAdmitted",
    (extract(epoch FROM now() - claimed.created_at) * 1000)::float8 AS "ageMs"
  FROM claimed JOIN invitation ON invitation.id = claimed.invitation_id`;
