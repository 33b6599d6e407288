import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The targets of a mass revocation stay while it is under way: an identity without its row keeps its tokens. */
export class ProtectTargets1799510000000 implements MigrationInterface {
  readonly name = 'ProtectTargets1799510000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(REFUSE);
    await runner.query(
      `CREATE TRIGGER revocation_target_needed AFTER DELETE ON revocation_target
       REFERENCING OLD TABLE AS deleted
       FOR EACH STATEMENT EXECUTE FUNCTION revocation_target_refuse_delete()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER revocation_target_needed ON revocation_target');
    await runner.query('DROP FUNCTION revocation_target_refuse_delete()');
  }
}

const REFUSE = `
  CREATE FUNCTION revocation_target_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT FROM revocation r WHERE r.finished_at IS NULL
               AND EXISTS (SELECT FROM deleted d WHERE d.revocation_id = r.id)) THEN
      RAISE EXCEPTION '% of % refused by %', TG_OP, TG_TABLE_NAME, TG_NAME
        USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
  END $$`;
