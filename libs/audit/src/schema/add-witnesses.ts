import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds what the witnesses of the log have cosigned, and how each of them does. Nothing here is believed
 * without its signature, so that the rows may change.
 */
export class AddWitnesses1799300000000 implements MigrationInterface {
  readonly name = 'AddWitnesses1799300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE audit_cosigned_checkpoint (
      size bigint PRIMARY KEY,
      cosignatures text NOT NULL,
      has_quorum boolean NOT NULL,
      cosigned_at timestamptz NOT NULL DEFAULT now()
    )`);
    await runner.query(`CREATE TABLE audit_witness (
      name text COLLATE "C" PRIMARY KEY,
      cosigned_size bigint NOT NULL DEFAULT 0,
      failure text COLLATE "C",
      failure_detail text,
      failing_since timestamptz,
      failure_count integer NOT NULL DEFAULT 0,
      retry_at timestamptz
    )`);
    // One row: the right to submit checkpoints, which one process has at a time.
    await runner.query(`CREATE TABLE audit_cosigning (
      id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
      lease_holder uuid,
      lease_expires_at timestamptz
    )`);
    await runner.query('INSERT INTO audit_cosigning DEFAULT VALUES');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_cosigning, audit_witness, audit_cosigned_checkpoint');
  }
}
