import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Up to which mass revocation each assignment was renewed, so that one row starts any number of renewals. */
export class AddMassRenewal1799600000000 implements MigrationInterface {
  readonly name = 'AddMassRenewal1799600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE teams_phone_assignment ADD COLUMN renewed_through integer NOT NULL DEFAULT 0',
    );
    await runner.query(
      'ALTER TABLE revocation ADD COLUMN is_marking_assignments boolean NOT NULL DEFAULT false',
    );
    await runner.query(
      `CREATE INDEX revocation_marking ON revocation (number)
       WHERE is_marking_assignments AND finished_at IS NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE revocation DROP COLUMN is_marking_assignments');
    await runner.query('ALTER TABLE teams_phone_assignment DROP COLUMN renewed_through');
  }
}
