import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds the functions with which an append refuses itself inside the server, in one round trip. */
export class AddPipelinedAppend1797000000000 implements MigrationInterface {
  readonly name = 'AddPipelinedAppend1797000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [REQUIRE_HEAD, BEGIN_APPEND, LOCK_HEAD_AT, EXPECT]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION audit_expect(bigint, bigint)');
    await runner.query('DROP FUNCTION audit_lock_head_at(bigint, bytea)');
    await runner.query('DROP FUNCTION audit_begin_append(integer, bigint, bytea)');
    await runner.query('DROP FUNCTION audit_require_head(bigint, bytea)');
  }
}

/** AU001 unless the head is the one that the caller knows. Size 0: the log is empty. */
const REQUIRE_HEAD = `
  CREATE FUNCTION audit_require_head(known_size bigint, known_root bytea) RETURNS void
  LANGUAGE plpgsql VOLATILE AS $$
  DECLARE
    stored_size bigint;
    stored_root bytea;
  BEGIN
    SELECT size, root INTO stored_size, stored_root FROM audit_head ORDER BY size DESC LIMIT 1;
    IF coalesce(stored_size, 0) <> known_size
       OR (stored_size IS NOT NULL AND stored_root <> known_root) THEN
      RAISE EXCEPTION 'the head of the log is another one' USING ERRCODE = 'AU001';
    END IF;
  END $$`;

/** Sets the timeouts of the transaction. Also looks at the head, without a lock, before rows are added in vain. */
const BEGIN_APPEND = `
  CREATE FUNCTION audit_begin_append(timeout_ms integer, known_size bigint, known_root bytea)
  RETURNS void LANGUAGE plpgsql VOLATILE AS $$
  BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM set_config('statement_timeout', timeout_ms::text, true);
    PERFORM set_config('lock_timeout', timeout_ms::text, true);
    PERFORM audit_require_head(known_size, known_root);
  END $$`;

/**
 * Locks the log until the end of the transaction, then compares its head. Two statements in one function:
 * the second one sees what was committed while the first one waited. The lock is that of audit_lock_head.
 */
const LOCK_HEAD_AT = `
  CREATE FUNCTION audit_lock_head_at(known_size bigint, known_root bytea) RETURNS void
  LANGUAGE plpgsql VOLATILE AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock(4711202600000001);
    PERFORM audit_require_head(known_size, known_root);
  END $$`;

/** AU002 unless every change of a batch has found its row. */
const EXPECT = `
  CREATE FUNCTION audit_expect(held bigint, expected bigint) RETURNS void
  LANGUAGE plpgsql VOLATILE AS $$
  BEGIN
    IF held <> expected THEN
      RAISE EXCEPTION '% of % changes hold', held, expected USING ERRCODE = 'AU002';
    END IF;
  END $$`;
