// The statements of changes, each over the rows of all changes of a batch (see `RowChange`).
import { isWorkLeaseOver } from '#libs/platform';
import {
  AWAITS_REVOCATION,
  REVOKED_THROUGH_LAST,
} from '../mass-revocation/revocation-conditions.js';
import { MUTABLE_COLUMNS } from './mapping-columns.js';

/** The rows of a statement as the table `c`, with their ordinal `n`. */
function changes(columns: readonly (readonly [name: string, type: string])[]): string {
  const arrays = columns.map(([, type], nth) => `$${nth + 1}::${type}[]`).join(', ');
  const names = columns.map(([name]) => name).join(', ');
  return `unnest(${arrays}) WITH ORDINALITY AS c (${names}, n)`;
}

export const TAKE_OVER = `
  UPDATE mapping
  SET lease_holder = c.holder, updated_at = now(), revoked_through = ${REVOKED_THROUGH_LAST},
      lease_expires_at = clock_timestamp() + c.duration * interval '1 ms'
  FROM ${changes([
    ['id', 'uuid'],
    ['holder', 'uuid'],
    ['duration', 'integer'],
  ])}
  WHERE mapping.id = c.id AND mapping.status = 'pending'
    AND ${isWorkLeaseOver('clock_timestamp()')}
  RETURNING c.n`;

/** A mass revocation that begins after the claim refuses the identity, which may have come with a token. */
export const ACTIVATE = `
  UPDATE mapping
  SET status = 'active', communication_user_id = c.user_id, lease_holder = NULL,
      lease_expires_at = NULL, version = c.next_version, updated_at = c.changed_at
  FROM ${changes([
    ['id', 'uuid'],
    ['holder', 'uuid'],
    ['user_id', 'text'],
    ['next_version', 'integer'],
    ['changed_at', 'timestamptz'],
  ])}
  WHERE mapping.id = c.id AND mapping.status = 'pending' AND mapping.lease_holder = c.holder
    AND NOT ${AWAITS_REVOCATION}
  RETURNING c.n`;

export const RELEASE = `
  UPDATE mapping SET lease_holder = NULL, lease_expires_at = NULL, updated_at = now()
  FROM ${changes([
    ['id', 'uuid'],
    ['holder', 'uuid'],
  ])}
  WHERE mapping.id = c.id AND mapping.status = 'pending' AND mapping.lease_holder = c.holder
  RETURNING c.n`;

/**
 * Id, known version, holder and duration of the new lease, then the next values of `MUTABLE_COLUMNS`. A
 * suspended mapping whose tokens ACS has revoked has none that a mass revocation could concern.
 */
export const REPLACE = `
  UPDATE mapping
  SET ${MUTABLE_COLUMNS.map(({ name }) => `${name} = c.${name}`).join(', ')},
      revoked_through = CASE WHEN mapping.status = 'suspended' AND NOT mapping.is_revoking
                             THEN ${REVOKED_THROUGH_LAST} ELSE mapping.revoked_through END,
      tokens_since = CASE WHEN c.token_generation = mapping.token_generation
                          THEN mapping.tokens_since ELSE now() END,
      lease_holder = coalesce(c.holder, mapping.lease_holder),
      lease_expires_at = CASE WHEN c.holder IS NULL THEN mapping.lease_expires_at
                              ELSE clock_timestamp() + c.duration * interval '1 ms' END
  FROM ${changes([
    ['id', 'uuid'],
    ['known_version', 'integer'],
    ['holder', 'uuid'],
    ['duration', 'integer'],
    ...MUTABLE_COLUMNS.map(({ name, type }) => [name, type] as const),
  ])}
  WHERE mapping.id = c.id AND mapping.version = c.known_version AND mapping.status <> 'deleted'
    AND (mapping.status <> 'pending' OR mapping.lease_holder IS NULL)
  RETURNING c.n`;

/** No token was issued since the revocation began: a mass revocation that began meanwhile has none to revoke. */
export const FINISH_REVOCATION = `
  UPDATE mapping
  SET is_revoking = false, lease_holder = NULL, lease_expires_at = NULL,
      revoked_through = ${REVOKED_THROUGH_LAST},
      version = version + 1, updated_at = now()
  FROM ${changes([
    ['id', 'uuid'],
    ['generation', 'integer'],
  ])}
  WHERE mapping.id = c.id AND mapping.is_revoking AND mapping.token_generation = c.generation
  RETURNING c.n`;

export const FINISH_DELETION = `
  UPDATE mapping
  SET status = 'deleted', display_name = NULL, lease_holder = NULL, lease_expires_at = NULL,
      version = version + 1, updated_at = now(), deleted_at = now()
  FROM ${changes([['id', 'uuid']])}
  WHERE mapping.id = c.id AND mapping.status = 'deleting'
  RETURNING c.n`;

export const FINISH_ORPHAN = `
  UPDATE mapping_orphan SET deleted_at = now(), lease_holder = NULL, lease_expires_at = NULL
  FROM ${changes([['user_id', 'text']])}
  WHERE mapping_orphan.communication_user_id = c.user_id AND mapping_orphan.deleted_at IS NULL
  RETURNING c.n`;

/** Whether the person of a mapping has one that bars from tokens, of those that meet a condition. */
const barring = (condition: string): string => `
  (SELECT true FROM mapping AS other
   WHERE other.tenant = mapping.tenant AND other.subject = mapping.subject AND ${condition}
     AND other.status <> 'deleted' AND other.status IN ('suspended', 'deleting')
   LIMIT 1)`;

/**
 * LATERAL … LIMIT keeps it one index lookup for each row, where the planner would read a small table whole.
 * Only additional mappings are looked for beside one that is not: mostly, their index is empty.
 */
export const EXPECT_UNCHANGED = `
  SELECT c.n
  FROM ${changes([
    ['id', 'uuid'],
    ['generation', 'integer'],
  ])},
  LATERAL (
    SELECT status, is_revoking, token_generation, ${AWAITS_REVOCATION} AS is_awaiting,
      CASE WHEN mapping.is_additional THEN ${barring('true')}
           ELSE ${barring('other.is_additional')} END AS is_barred
    FROM mapping WHERE mapping.id = c.id LIMIT 1
  ) AS stored
  WHERE stored.status = 'active' AND stored.is_barred IS NULL AND NOT stored.is_revoking AND NOT stored.is_awaiting
    AND stored.token_generation = c.generation`;

/** A first mapping begins with generation 1. LATERAL … LIMIT as above. */
export const EXPECT_UNREVOKED = `
  SELECT c.n
  FROM ${changes([
    ['tenant', 'text'],
    ['subject', 'text'],
  ])}
  LEFT JOIN LATERAL (
    SELECT true AS is_revoked FROM mapping
    WHERE mapping.tenant = c.tenant AND mapping.subject = c.subject AND mapping.status <> 'deleted'
      AND (mapping.status NOT IN ('pending', 'active') OR mapping.is_revoking
        OR mapping.token_generation > 1 OR mapping.status = 'active' AND ${AWAITS_REVOCATION})
    LIMIT 1
  ) AS stored ON true
  WHERE stored.is_revoked IS NULL`;

/**
 * ACS has revoked the tokens for a mass revocation: none was issued since that began, or the mapping is
 * not as expected. The number is that of the mass revocation.
 */
export const FINISH_MASS_REVOCATION = `
  UPDATE mapping
  SET token_generation = mapping.token_generation + 1, revoked_through = ${REVOKED_THROUGH_LAST},
      tokens_since = now(), version = version + 1, updated_at = now()
  FROM ${changes([
    ['id', 'uuid'],
    ['generation', 'integer'],
    ['number', 'integer'],
  ])}
  WHERE mapping.id = c.id AND mapping.token_generation = c.generation AND mapping.status = 'active'
    AND NOT mapping.is_revoking AND mapping.revoked_through < c.number
  RETURNING c.n`;
