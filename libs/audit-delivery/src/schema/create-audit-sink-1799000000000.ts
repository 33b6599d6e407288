import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Creates the cursors of the sinks, which replicas share. A row is created with its first delivery. */
export class CreateAuditSink1799000000000 implements MigrationInterface {
  readonly name = 'CreateAuditSink1799000000000';

  async up(runner: QueryRunner): Promise<void> {
    // Few rows, updated often: free space in the page allows heap-only-tuple updates.
    await runner.query(`
      CREATE TABLE audit_sink (
        name text COLLATE "C" PRIMARY KEY,
        next_index bigint NOT NULL,
        lease_holder uuid,
        lease_expires_at timestamptz,
        delivered_at timestamptz,
        failure text COLLATE "C",
        failure_detail text,
        failing_since timestamptz,
        failure_count integer NOT NULL DEFAULT 0,
        retry_at timestamptz
      ) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0)
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_sink');
  }
}
