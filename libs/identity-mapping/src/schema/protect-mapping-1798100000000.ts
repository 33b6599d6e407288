import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Refuses, for every role, changes of mappings that the service never makes.
 *
 * The conditions are those of AFTER triggers: no function is called for a change that is allowed, and the
 * old row is fetched once for all of them. `UPDATE OF` keeps them from statements that only move a lease.
 */
export class ProtectMapping1798100000000 implements MigrationInterface {
  readonly name = 'ProtectMapping1798100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(REFUSE);
    for (const { table, name, event, when } of TRIGGERS) {
      const each = when === undefined ? 'STATEMENT' : `ROW WHEN (${when})`;
      await runner.query(
        `CREATE TRIGGER ${name} ${event} ON ${table}
         FOR EACH ${each} EXECUTE FUNCTION mapping_refuse_change()`,
      );
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { table, name } of TRIGGERS) await runner.query(`DROP TRIGGER ${name} ON ${table}`);
    await runner.query('DROP FUNCTION mapping_refuse_change()');
  }
}

const REFUSE = `
  CREATE FUNCTION mapping_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% of % refused by %', TG_OP, TG_TABLE_NAME, TG_NAME
      USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
  END $$`;

const IDENTITY = 'id, resource, tenant, subject, kind, created_at';
/** What callers see of a mapping, besides its identity. */
const STATE = 'status, communication_user_id, display_name, token_generation, is_revoking';

const TRIGGERS: readonly {
  readonly table: 'mapping' | 'mapping_orphan';
  readonly name: string;
  readonly event: string;
  /** The change is refused; absent: always. */
  readonly when?: string;
}[] = [
  { table: 'mapping', name: 'mapping_permanent', event: 'BEFORE DELETE OR TRUNCATE' },
  {
    table: 'mapping',
    name: 'mapping_first_version',
    event: 'AFTER INSERT',
    // An import adds suspended mappings, whose old tokens are then revoked at ACS.
    when: `NEW.version <> 1 OR NEW.token_generation <> 1
           OR NEW.status NOT IN ('pending', 'active', 'suspended')
           OR NEW.is_revoking <> (NEW.status = 'suspended')`,
  },
  {
    table: 'mapping',
    name: 'mapping_identity',
    event: `AFTER UPDATE OF ${IDENTITY}`,
    when: isDistinct(IDENTITY),
  },
  {
    table: 'mapping',
    name: 'mapping_communication_identity',
    event: 'AFTER UPDATE OF communication_user_id',
    when: `${isDistinct('communication_user_id')}
           AND NOT (OLD.status = 'pending' AND NEW.status = 'active')`,
  },
  {
    table: 'mapping',
    name: 'mapping_tombstone',
    event: 'AFTER UPDATE',
    when: `OLD.status = 'deleted'`,
  },
  {
    table: 'mapping',
    name: 'mapping_transition',
    event: `AFTER UPDATE OF ${STATE}`,
    when: `NOT CASE
             WHEN OLD.status = NEW.status
               THEN OLD.status <> 'deleting' OR NOT ${isDistinct(STATE)}
             WHEN NEW.status = 'deleted' THEN NEW.display_name IS NULL
               AND OLD.status IN ('pending', 'deleting')
             ELSE (OLD.status, NEW.status) IN (
               ('pending', 'active'), ('active', 'suspended'), ('suspended', 'active'),
               ('active', 'deleting'), ('suspended', 'deleting'))
           END`,
  },
  {
    table: 'mapping',
    name: 'mapping_token_generation',
    event: 'AFTER UPDATE OF status, token_generation, is_revoking',
    // A suspension, a deletion and a revocation begin a generation, whose predecessor ACS has to revoke.
    when: `NOT CASE NEW.token_generation - OLD.token_generation
             WHEN 1 THEN (NEW.is_revoking OR NEW.status = 'deleting')
               AND (NEW.status = OLD.status OR NEW.status <> 'active')
             WHEN 0 THEN (NEW.status = OLD.status OR NEW.status NOT IN ('suspended', 'deleting'))
               AND (NEW.is_revoking = OLD.is_revoking
                    OR OLD.is_revoking AND NEW.status = OLD.status)
             ELSE false
           END`,
  },
  {
    table: 'mapping',
    name: 'mapping_version',
    event: `AFTER UPDATE OF version, ${STATE}`,
    when: `NEW.version - OLD.version <> CASE WHEN ${isDistinct(STATE)} THEN 1 ELSE 0 END`,
  },
  { table: 'mapping_orphan', name: 'mapping_orphan_permanent', event: 'BEFORE DELETE OR TRUNCATE' },
  {
    table: 'mapping_orphan',
    name: 'mapping_orphan_identity',
    event: 'AFTER UPDATE OF communication_user_id, mapping_id, created_at',
    when: isDistinct('communication_user_id, mapping_id, created_at'),
  },
  {
    table: 'mapping_orphan',
    name: 'mapping_orphan_tombstone',
    event: 'AFTER UPDATE',
    when: 'OLD.deleted_at IS NOT NULL',
  },
];

/** SQL: an update changes one of the columns. */
function isDistinct(columns: string): string {
  const row = (of: string): string =>
    `(${columns
      .split(', ')
      .map((name) => `${of}.${name}`)
      .join(', ')})`;
  return `(${row('OLD')} IS DISTINCT FROM ${row('NEW')})`;
}
