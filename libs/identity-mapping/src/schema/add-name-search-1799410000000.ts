import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds the index for finding identities by the beginning of a display name.
 *
 * Runs outside a transaction, because the index is built without stopping writes. Safe to repeat after a
 * failure.
 */
export class AddNameSearch1799410000000 implements MigrationInterface {
  readonly name = 'AddNameSearch1799410000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX IF EXISTS mapping_list_by_name'); // what a failure left
    await runner.query(
      `CREATE INDEX CONCURRENTLY mapping_list_by_name
       ON mapping (tenant, lower(display_name) text_pattern_ops) WHERE display_name IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX mapping_list_by_name');
  }
}
