import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds the public keys that signed the checkpoints: a row says which ones sign from the head on that
 * continues `from_size`, until the next row. So a retired key stays known, with the last size that it may
 * have signed.
 */
export class AddSigningKeys1798000000000 implements MigrationInterface {
  readonly name = 'AddSigningKeys1798000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE audit_signing_keys (
      from_size bigint PRIMARY KEY,
      keys text[] COLLATE "C" NOT NULL
    )`);
    await runner.query(`CALL audit_protect('audit_signing_keys')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_signing_keys');
  }
}
