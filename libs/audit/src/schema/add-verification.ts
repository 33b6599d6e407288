import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds what the background verifier remembers of each part that it checks: how far it is, and what it found.
 * The only audit table whose rows change.
 */
export class AddVerification1798640000000 implements MigrationInterface {
  readonly name = 'AddVerification1798640000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE audit_verification (
      part text COLLATE "C" PRIMARY KEY,
      position jsonb NOT NULL DEFAULT '{}',
      progress double precision NOT NULL DEFAULT 0,
      pass_started_at timestamptz NOT NULL DEFAULT now(),
      findings jsonb NOT NULL DEFAULT '[]'
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_verification');
  }
}
