import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds the index for what is owed to each ACS resource. The one without the resource is of earlier releases. */
export class IndexOwedByResource1799610000000 implements MigrationInterface {
  readonly name = 'IndexOwedByResource1799610000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX teams_phone_assignment_owed_by_resource
       ON teams_phone_assignment (resource, lease_expires_at) WHERE lease_expires_at IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX teams_phone_assignment_owed_by_resource');
  }
}
