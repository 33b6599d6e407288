import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Creates the tables of the log. Rows are only added: triggers reject UPDATE, DELETE and TRUNCATE for
 * every role, and the service's role has no right to them either (`auditGrants`).
 */
export class CreateAuditLog1764000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    return Promise.reject(
      new Error('The audit log cannot be removed by a migration. Restore a backup instead.'),
    );
  }
}

const statements = [
  // Entries. `leaf` has the canonical bytes; every other column is derived from them or from the index.
  // Times never decrease as indexes increase, so a time window is a range of indexes.
  `CREATE TABLE audit_entry (
     entry_index bigint NOT NULL,
     recorded_at timestamptz NOT NULL,
     id uuid NOT NULL,
     action text COLLATE "C" NOT NULL,
     outcome text COLLATE "C" NOT NULL,
     reason_code text COLLATE "C",
     reason_detail text COLLATE "C",
     actor_kind text COLLATE "C" NOT NULL,
     actor_tenant text COLLATE "C",
     actor_subject text COLLATE "C",
     client_app text COLLATE "C",
     target_tenant text COLLATE "C",
     target_subject text COLLATE "C",
     identity_id text COLLATE "C",
     communication_user_id text COLLATE "C",
     token_fingerprint text COLLATE "C",
     leaf bytea NOT NULL,
     PRIMARY KEY (recorded_at, entry_index)
   ) PARTITION BY RANGE (recorded_at)`,
  // Before its partitions, which take over the storage of a column. CREATE TABLE has the option since PostgreSQL 16.
  `ALTER TABLE audit_entry ALTER COLUMN leaf SET STORAGE EXTERNAL`,
  // Leaves are stored in line: a TOAST table would cost more than their 1.5 KB.
  `CREATE TABLE audit_entry_other PARTITION OF audit_entry DEFAULT WITH (toast_tuple_target = 8160)`,
  `CREATE INDEX ON audit_entry (action, entry_index)`,
  `CREATE INDEX ON audit_entry (outcome, entry_index) WHERE outcome <> 'success'`,
  `CREATE INDEX ON audit_entry (actor_tenant, entry_index)`,
  // Two indexes share the entries of an actor: those on itself and those on others.
  `CREATE INDEX ON audit_entry (actor_subject, entry_index) WHERE target_subject IS NULL`,
  `CREATE INDEX ON audit_entry (actor_subject, entry_index) WHERE target_subject IS NOT NULL`,
  `CREATE INDEX ON audit_entry (client_app, entry_index)`,
  `CREATE INDEX ON audit_entry (target_tenant, entry_index) WHERE target_tenant IS NOT NULL`,
  `CREATE INDEX ON audit_entry (target_subject, entry_index) WHERE target_subject IS NOT NULL`,
  `CREATE INDEX ON audit_entry (identity_id, entry_index) WHERE identity_id IS NOT NULL`,
  `CREATE INDEX ON audit_entry (communication_user_id, entry_index)
     WHERE communication_user_id IS NOT NULL`,
  `CREATE INDEX ON audit_entry (token_fingerprint) WHERE token_fingerprint IS NOT NULL`,
  `CREATE INDEX ON audit_entry (reason_code, entry_index) WHERE reason_code IS NOT NULL`,
  // For words that many reasons contain, newest first; the next index is for rare words.
  `CREATE INDEX ON audit_entry (entry_index) WHERE reason_code IS NOT NULL`,
  `CREATE INDEX ON audit_entry
     USING gin (to_tsvector('simple', reason_code || ' ' || coalesce(reason_detail, '')))
     WITH (gin_pending_list_limit = 64) -- kB; every search reads that list from end to end
     WHERE reason_code IS NOT NULL`,

  // The personal values whose salted hashes the entries contain.
  `CREATE TABLE audit_personal (
     entry_index bigint NOT NULL,
     recorded_at timestamptz NOT NULL,
     whose text COLLATE "C" NOT NULL,
     client_address text COLLATE "C",
     user_agent text COLLATE "C",
     display_name text COLLATE "C",
     salts bytea NOT NULL,
     PRIMARY KEY (recorded_at, entry_index, whose)
   ) PARTITION BY RANGE (recorded_at)`,
  `CREATE TABLE audit_personal_other PARTITION OF audit_personal DEFAULT`,
  `CREATE INDEX ON audit_personal (client_address, entry_index) WHERE client_address IS NOT NULL`,

  // One row for each commit; the newest is the head. Two rows can't have the same predecessor, so the log
  // can't fork even if its lock failed.
  `CREATE TABLE audit_head (
     size bigint PRIMARY KEY,
     from_size bigint NOT NULL UNIQUE,
     root bytea NOT NULL,
     recorded_at timestamptz NOT NULL,
     leaf_hashes bytea NOT NULL,
     checkpoint text COLLATE "C" NOT NULL,
     CHECK (size > from_size),
     CHECK (octet_length(leaf_hashes) = 32 * (size - from_size))
   )`,
  `ALTER TABLE audit_head ALTER COLUMN leaf_hashes SET STORAGE EXTERNAL`,

  // Full tiles. Partial tiles are composed from leaf hashes (audit_head) and roots.
  `CREATE TABLE audit_tile (
     level integer NOT NULL,
     tile_index bigint NOT NULL,
     hashes bytea NOT NULL,
     root bytea NOT NULL,
     PRIMARY KEY (level, tile_index),
     CHECK (octet_length(hashes) = 8192)
   )`,
  `ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL`,

  // Every fingerprint key ever used, so that old fingerprints can be found.
  `CREATE TABLE audit_fingerprint_key (
     id text COLLATE "C" PRIMARY KEY,
     first_index bigint NOT NULL
   )`,

  // Counts of entries by hour and one dimension, for complete hours. Derived from the entries. An empty
  // value counts the entries without one.
  `CREATE TABLE audit_statistic (
     dimension text COLLATE "C" NOT NULL,
     hour timestamptz NOT NULL,
     value text COLLATE "C" NOT NULL,
     entries bigint NOT NULL,
     PRIMARY KEY (dimension, hour, value)
   )`,
  // Each row is a time range whose hours were counted.
  `CREATE TABLE audit_statistic_run (
     end_at timestamptz PRIMARY KEY,
     start_at timestamptz NOT NULL UNIQUE
   )`,

  `CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF TG_OP = 'DELETE' AND TG_TABLE_NAME LIKE 'audit\\_personal%'
        AND current_setting('audit.erasing', true) = 'on' THEN
       RETURN NULL;
     END IF;
     RAISE EXCEPTION 'audit rows are never changed: % of % refused', TG_OP, TG_TABLE_NAME;
   END $$`,
  `CREATE PROCEDURE audit_protect(guarded regclass) LANGUAGE plpgsql AS $$
   BEGIN
     EXECUTE format('CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
                     FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()', guarded);
   END $$`,
  ...[
    'audit_entry',
    'audit_entry_other',
    'audit_personal',
    'audit_personal_other',
    'audit_head',
    'audit_tile',
    'audit_fingerprint_key',
    'audit_statistic',
    'audit_statistic_run',
  ].map((table) => `CALL audit_protect('${table}')`),

  // Creates partitions for this month and the following ones. Runs as the owner, so that the service
  // needs no right to create tables. A month with rows in the default partition gets none.
  `CREATE FUNCTION audit_create_partitions(months_ahead integer) RETURNS integer
   LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
   DECLARE
     first_day timestamptz;
     created integer := 0;
     parent text;
     partition text;
   BEGIN
     FOR ahead IN 0..least(months_ahead, 120) LOOP
       first_day := date_trunc('month', now(), 'UTC') + make_interval(months => ahead);
       first_day := date_trunc('month', first_day + interval '12 hours', 'UTC');
       FOREACH parent IN ARRAY ARRAY['audit_entry', 'audit_personal'] LOOP
         partition := parent || to_char(first_day AT TIME ZONE 'UTC', '_YYYY_MM');
         CONTINUE WHEN to_regclass(partition) IS NOT NULL;
         BEGIN
           EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)
                           WITH (toast_tuple_target = 8160)',
             partition, parent, first_day,
             date_trunc('month', first_day + interval '32 days', 'UTC'));
           EXECUTE format('CALL audit_protect(%L)', partition);
           created := created + 1;
         EXCEPTION WHEN check_violation OR duplicate_table THEN
           NULL;
         END;
       END LOOP;
     END LOOP;
     RETURN created;
   END $$`,
  `SELECT audit_create_partitions(3)`,
  `REVOKE ALL ON FUNCTION audit_create_partitions(integer) FROM PUBLIC`,

  // Erases the personal values of the person that an entry audit.erase names, in earlier entries.
  // Requires that entry, so that nothing is erased without a record. Safe to repeat.
  `CREATE FUNCTION audit_erase_personal(erase_at timestamptz, erase_index bigint) RETURNS bigint
   LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
   DECLARE
     person jsonb;
     erased bigint;
   BEGIN
     SELECT convert_from(leaf, 'UTF8')::jsonb -> 'target' INTO person FROM audit_entry
     WHERE recorded_at = erase_at AND entry_index = erase_index
       AND action = 'audit.erase' AND outcome = 'success';
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
   END $$`,
  `REVOKE ALL ON FUNCTION audit_erase_personal(timestamptz, bigint) FROM PUBLIC`,

  // Locks the log until the end of the transaction, then reads its head. Two statements in one function:
  // the second one sees what was committed while the first one waited.
  `CREATE FUNCTION audit_lock_head(timeout_ms integer)
   RETURNS TABLE (size bigint, root bytea, recorded_at timestamptz)
   LANGUAGE plpgsql VOLATILE AS $$
   BEGIN
     PERFORM set_config('synchronous_commit', 'on', true);
     PERFORM set_config('statement_timeout', timeout_ms::text, true);
     PERFORM set_config('lock_timeout', timeout_ms::text, true);
     PERFORM pg_advisory_xact_lock(4711202600000001);
     PERFORM set_config('lock_timeout', (timeout_ms / 4)::text, true);
     RETURN QUERY SELECT h.size, h.root, h.recorded_at FROM audit_head h ORDER BY h.size DESC LIMIT 1;
   END $$`,
];
