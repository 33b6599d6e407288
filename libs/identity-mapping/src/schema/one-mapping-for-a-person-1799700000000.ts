import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A person has one mapping in all resources. Those who have several keep them: the newest with a communication
 * identity is theirs, the others are additional. Nobody gets a further one.
 *
 * Runs outside a transaction, because the index is built without stopping writes. Safe to repeat after a
 * failure: a replica of before may store a second mapping while the index is built.
 */
export class OneMappingForAPerson1799700000000 implements MigrationInterface {
  readonly name = 'OneMappingForAPerson1799700000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE mapping ADD COLUMN IF NOT EXISTS is_additional boolean NOT NULL DEFAULT false',
    );
    await runner.query('DROP INDEX IF EXISTS mapping_person, mapping_additional'); // what a failure left
    await runner.query(MARK);
    await runner.query(
      `CREATE UNIQUE INDEX CONCURRENTLY mapping_person ON mapping (tenant, subject)
       WHERE status <> 'deleted' AND NOT is_additional`,
    );
    await runner.query(
      `CREATE INDEX CONCURRENTLY mapping_additional ON mapping (tenant, subject)
       WHERE is_additional AND status <> 'deleted'`,
    );
    await runner.query(
      `CREATE OR REPLACE TRIGGER mapping_additional_unchanged AFTER UPDATE OF is_additional ON mapping FOR EACH ROW
       WHEN (OLD.is_additional <> NEW.is_additional) EXECUTE FUNCTION mapping_refuse_change()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER mapping_additional_unchanged ON mapping');
    await runner.query('ALTER TABLE mapping DROP COLUMN is_additional'); // with its indexes
  }
}

const MARK = `
  UPDATE mapping SET is_additional = true
  FROM (
    SELECT id, row_number() OVER (
      PARTITION BY tenant, subject ORDER BY status = 'pending', id DESC) AS nth
    FROM mapping WHERE status <> 'deleted' AND NOT is_additional
  ) AS ranked
  WHERE mapping.id = ranked.id AND ranked.nth > 1`;
