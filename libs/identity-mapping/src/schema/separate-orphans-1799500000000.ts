import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * An orphan is deleted at ACS, which can't be undone: no mapping may lead to one, and none may be added
 * for the identity of a mapping. Of two transactions that do the one and the other, the second sees the
 * first, because of the advisory lock. Mappings share it: they don't wait for each other.
 */
export class SeparateOrphans1799500000000 implements MigrationInterface {
  readonly name = 'SeparateOrphans1799500000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(refusal('mapping_refuse_orphan', 'mapping_orphan', '_shared'));
    await runner.query(refusal('mapping_orphan_refuse_mapped', 'mapping', ''));
    await runner.query(
      `CREATE TRIGGER mapping_new_no_orphan AFTER INSERT ON mapping FOR EACH ROW
       WHEN (NEW.communication_user_id IS NOT NULL) EXECUTE FUNCTION mapping_refuse_orphan()`,
    );
    await runner.query(
      `CREATE TRIGGER mapping_no_orphan AFTER UPDATE OF communication_user_id ON mapping FOR EACH ROW
       WHEN (OLD.communication_user_id IS DISTINCT FROM NEW.communication_user_id)
       EXECUTE FUNCTION mapping_refuse_orphan()`,
    );
    await runner.query(
      `CREATE TRIGGER mapping_orphan_unmapped AFTER INSERT ON mapping_orphan FOR EACH ROW
       EXECUTE FUNCTION mapping_orphan_refuse_mapped()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER mapping_orphan_unmapped ON mapping_orphan');
    await runner.query('DROP TRIGGER mapping_no_orphan ON mapping');
    await runner.query('DROP TRIGGER mapping_new_no_orphan ON mapping');
    await runner.query('DROP FUNCTION mapping_orphan_refuse_mapped()');
    await runner.query('DROP FUNCTION mapping_refuse_orphan()');
  }
}

/** The error of a unique key that two tables share. */
function refusal(name: string, otherTable: string, lock: '_shared' | ''): string {
  return `
    CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock${lock}(4711202600000003);
      IF EXISTS (SELECT FROM ${otherTable}
                 WHERE communication_user_id = NEW.communication_user_id) THEN
        RAISE EXCEPTION '% of % refused by %', TG_OP, TG_TABLE_NAME, TG_NAME
          USING ERRCODE = 'unique_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
      END IF;
      RETURN NULL;
    END $$`;
}
