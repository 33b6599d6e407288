import type { MigrationInterface, QueryRunner } from 'typeorm';

const BEFORE = `'pending', 'deleting'`;

/** Assignments that are deleted at ACS and made again, which revokes their tokens. */
export class AddRenewal1799420000000 implements MigrationInterface {
  readonly name = 'AddRenewal1799420000000';

  async up(runner: QueryRunner): Promise<void> {
    await allowOwed(runner, `${BEFORE}, 'renewing'`);
  }

  /** Fails while an assignment is being renewed. */
  async down(runner: QueryRunner): Promise<void> {
    await allowOwed(runner, BEFORE);
  }
}

async function allowOwed(runner: QueryRunner, owed: string): Promise<void> {
  await runner.query(`
    ALTER TABLE teams_phone_assignment
      DROP CONSTRAINT teams_phone_assignment_status_check,
      DROP CONSTRAINT teams_phone_assignment_owed_check,
      ADD CONSTRAINT teams_phone_assignment_status_check
        CHECK (status IN (${owed}, 'active', 'deleted')),
      ADD CONSTRAINT teams_phone_assignment_owed_check
        CHECK ((status IN (${owed})) = (lease_expires_at IS NOT NULL))`);
}
