import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Creates the table of Teams Phone assignments. */
export class CreateTeamsPhoneAssignment1799200000000 implements MigrationInterface {
  readonly name = 'CreateTeamsPhoneAssignment1799200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE teams_phone_assignment (
        id uuid PRIMARY KEY,
        resource text NOT NULL,
        tenant uuid NOT NULL,
        object_id uuid NOT NULL,
        principal_type text NOT NULL,
        client_ids uuid[] NOT NULL,
        status text NOT NULL,
        version integer NOT NULL,
        lease_holder uuid,
        lease_expires_at timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        CONSTRAINT teams_phone_assignment_type_check
          CHECK (principal_type IN ('user', 'teamsResourceAccount')),
        CONSTRAINT teams_phone_assignment_status_check
          CHECK (status IN ('pending', 'active', 'deleting', 'deleted')),
        -- What is owed to ACS has a time from which anybody may call; what is not has none.
        CONSTRAINT teams_phone_assignment_owed_check
          CHECK ((status IN ('pending', 'deleting')) = (lease_expires_at IS NOT NULL)),
        CONSTRAINT teams_phone_assignment_lease_check
          CHECK (lease_holder IS NULL OR lease_expires_at IS NOT NULL),
        CONSTRAINT teams_phone_assignment_deleted_check
          CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
        CONSTRAINT teams_phone_assignment_version_check CHECK (version >= 1)
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX teams_phone_assignment_holder
        ON teams_phone_assignment (tenant, object_id) WHERE status <> 'deleted'`);
    await runner.query(`
      CREATE INDEX teams_phone_assignment_history
        ON teams_phone_assignment (tenant, object_id, id)`);
    await runner.query(`
      CREATE INDEX teams_phone_assignment_list ON teams_phone_assignment (tenant, id)`);
    await runner.query(`
      CREATE INDEX teams_phone_assignment_owed
        ON teams_phone_assignment (lease_expires_at) WHERE lease_expires_at IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE teams_phone_assignment');
  }
}
