import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the targets of a mass revocation were stored, so that those of one that did not begin are found. */
export class AddTimeOfTargets1799450100000 implements MigrationInterface {
  readonly name = 'AddTimeOfTargets1799450100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE revocation_target ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE revocation_target DROP COLUMN created_at');
  }
}
