import type { MigrationInterface, QueryRunner } from 'typeorm';

const TRIGGER = 'revocation_invitation';

/** Mass revocations of an invitation’s visitors, and of tokens that were exchanged under assignments. */
export class AddRevocationOfInvitation1799430000000 implements MigrationInterface {
  readonly name = 'AddRevocationOfInvitation1799430000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE revocation ADD COLUMN invitation uuid, ADD COLUMN assignments integer',
    );
    await runner.query(
      `CREATE TRIGGER ${TRIGGER} AFTER UPDATE OF invitation ON revocation FOR EACH ROW
       WHEN (OLD.invitation IS DISTINCT FROM NEW.invitation)
       EXECUTE FUNCTION mapping_refuse_change()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER ${TRIGGER} ON revocation`);
    await runner.query('ALTER TABLE revocation DROP COLUMN invitation, DROP COLUMN assignments');
  }
}
