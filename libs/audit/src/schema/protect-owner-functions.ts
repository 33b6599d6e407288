import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Functions that run with the rights of the owner resolve names in the schema of the log only. Without
 * `pg_temp` at the end of the path, a temporary table or view of the caller would come before the log's,
 * and the owner would run the code behind it (PostgreSQL documentation of CREATE FUNCTION, "Writing SECURITY
 * DEFINER Functions Safely"). An erasure also needs an entry that the head of the log commits to.
 */
export class ProtectOwnerFunctions1798200000000 implements MigrationInterface {
  readonly name = 'ProtectOwnerFunctions1798200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ERASE_RECORDED);
    await runner.query(`DO $$
      DECLARE
        signature regprocedure;
      BEGIN
        FOREACH signature IN ARRAY ARRAY['audit_create_partitions(integer)',
          'audit_erase_personal(timestamptz, bigint)']::regprocedure[] LOOP
          EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp',
                         signature, current_schema());
        END LOOP;
      END $$`);
  }

  async down(): Promise<void> {
    return Promise.reject(new Error('The protection of the audit log cannot be removed.'));
  }
}

const ERASE_RECORDED = `
  CREATE OR REPLACE FUNCTION audit_erase_personal(erase_at timestamptz, erase_index bigint)
  RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  DECLARE
    person jsonb;
    erased bigint;
  BEGIN
    SELECT convert_from(leaf, 'UTF8')::jsonb -> 'target' INTO person FROM audit_entry
    WHERE recorded_at = erase_at AND entry_index = erase_index
      AND action = 'audit.erase' AND outcome = 'success'
      AND EXISTS (SELECT FROM audit_head WHERE size > erase_index);
    IF person ->> 'tenant' IS NULL OR person ->> 'subject' IS NULL THEN
      RAISE EXCEPTION 'entry % erases nobody', erase_index;
    END IF;
    PERFORM set_config('audit.erasing', 'on', true);
    WITH own AS (
      SELECT recorded_at, entry_index, 'actor' AS whose FROM audit_entry
      WHERE actor_subject = person ->> 'subject' AND actor_tenant = person ->> 'tenant'
        AND target_subject IS NOT NULL AND entry_index < erase_index
      UNION ALL
      SELECT recorded_at, entry_index, 'actor' FROM audit_entry
      WHERE actor_subject = person ->> 'subject' AND actor_tenant = person ->> 'tenant'
        AND target_subject IS NULL AND entry_index < erase_index
      UNION ALL
      SELECT recorded_at, entry_index, 'target' FROM audit_entry
      WHERE target_subject = person ->> 'subject' AND entry_index < erase_index
        AND coalesce(target_tenant, actor_tenant) = person ->> 'tenant'
      UNION ALL
      SELECT recorded_at, entry_index, 'target' FROM audit_entry
      WHERE actor_subject = person ->> 'subject' AND target_subject IS NULL
        AND coalesce(target_tenant, actor_tenant) = person ->> 'tenant'
        AND entry_index < erase_index
    )
    DELETE FROM audit_personal p USING own
    WHERE p.recorded_at = own.recorded_at AND p.entry_index = own.entry_index
      AND p.whose = own.whose;
    GET DIAGNOSTICS erased = ROW_COUNT;
    PERFORM set_config('audit.erasing', 'off', true);
    RETURN erased;
  END $$`;
