import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds the index for what is owed to each ACS resource. The one without the resource is of earlier releases.
 *
 * Runs outside a transaction, because the index is built without stopping writes. Safe to repeat after a
 * failure.
 */
export class IndexMappingsOwedByResource1799620000000 implements MigrationInterface {
  readonly name = 'IndexMappingsOwedByResource1799620000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX IF EXISTS mapping_owed_by_resource'); // what a failure left
    await runner.query(
      `CREATE INDEX CONCURRENTLY mapping_owed_by_resource
       ON mapping (resource, lease_expires_at) WHERE lease_expires_at IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX mapping_owed_by_resource');
  }
}
