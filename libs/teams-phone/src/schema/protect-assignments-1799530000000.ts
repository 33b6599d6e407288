import type { MigrationInterface, QueryRunner } from 'typeorm';

const TRIGGER = 'teams_phone_assignment_change';

/**
 * What a change may follow: a later version, in which what is being deleted stays so and what is being renewed is
 * deleted first; and within a version what ACS has confirmed or refused. A deleted one never changes.
 */
const PERMITTED = `CASE NEW.version - OLD.version
    WHEN 0 THEN (OLD.status, NEW.status) IN (('pending', 'active'), ('pending', 'deleted'),
        ('renewing', 'pending'), ('deleting', 'deleted'))
      OR OLD.status = NEW.status AND OLD.principal_type = NEW.principal_type
        AND OLD.client_ids = NEW.client_ids AND OLD.deleted_at IS NOT DISTINCT FROM NEW.deleted_at
    WHEN 1 THEN OLD.status IN ('pending', 'active') AND NEW.status IN ('pending', 'renewing', 'deleting')
      OR OLD.status = 'renewing' AND NEW.status IN ('renewing', 'deleting')
    ELSE false
  END`;

/** Refuses, for every role, changes of assignments that the service never makes. */
export class ProtectAssignments1799530000000 implements MigrationInterface {
  readonly name = 'ProtectAssignments1799530000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TRIGGER ${TRIGGER} AFTER UPDATE ON teams_phone_assignment FOR EACH ROW
       WHEN (NOT ${PERMITTED}) EXECUTE FUNCTION mapping_refuse_change()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER ${TRIGGER} ON teams_phone_assignment`);
  }
}
