// The statements of changes, each over the rows of all changes of a batch (see `RowChange`).
import { MUTABLE_COLUMNS } from './mapping-columns.js';

/** The rows of a statement as the table `c`, with their ordinal `n`. */
function changes(columns: readonly (readonly [name: string, type: string])[]): string {
  const arrays = columns.map(([, type], nth) => `$${nth + 1}::${type}[]`).join(', ');
  const names = columns.map(([name]) => name).join(', ');
  return `unnest(${arrays}) WITH ORDINALITY AS c (${names}, n)`;
}

export const TAKE_OVER = `
  UPDATE mapping
  SET lease_holder = c.holder, updated_at = now(),
      lease_expires_at = clock_timestamp() + c.duration * interval '1 ms'
  FROM ${changes([
    ['id', 'uuid'],
    ['holder', 'uuid'],
    ['duration', 'integer'],
  ])}
  WHERE mapping.id = c.id AND mapping.status = 'pending'
    AND mapping.lease_expires_at < clock_timestamp()
  RETURNING c.n`;

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
  RETURNING c.n`;

export const RELEASE = `
  UPDATE mapping SET lease_holder = NULL, lease_expires_at = NULL, updated_at = now()
  FROM ${changes([
    ['id', 'uuid'],
    ['holder', 'uuid'],
  ])}
  WHERE mapping.id = c.id AND mapping.status = 'pending' AND mapping.lease_holder = c.holder
  RETURNING c.n`;

/** Id, known version, holder and duration of the new lease, then the next values of `MUTABLE_COLUMNS`. */
export const REPLACE = `
  UPDATE mapping
  SET ${MUTABLE_COLUMNS.map(({ name }) => `${name} = c.${name}`).join(', ')},
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

export const FINISH_REVOCATION = `
  UPDATE mapping
  SET is_revoking = false, lease_holder = NULL, lease_expires_at = NULL,
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

/** LATERAL … LIMIT keeps it one index lookup for each row, where the planner would read a small table whole. */
export const EXPECT_UNCHANGED = `
  SELECT c.n
  FROM ${changes([
    ['id', 'uuid'],
    ['generation', 'integer'],
  ])},
  LATERAL (
    SELECT status, is_revoking, token_generation FROM mapping WHERE mapping.id = c.id LIMIT 1
  ) AS stored
  WHERE stored.status = 'active' AND NOT stored.is_revoking
    AND stored.token_generation = c.generation`;
