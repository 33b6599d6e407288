import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The tables of the log. Rows are only ever added: triggers refuse the rest to everybody, and the
 * service's role has no right to it either (`auditGrants`).
 */
export class CreateAuditLog1764000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    return Promise.reject(new Error('The audit log is not taken down. Restore a backup instead.'));
  }
}

const statements = [
  // Entries. `leaf` holds the canonical bytes; every other column is derived from them or from the
  // place in the log. Times never go back as indexes go up, so that a time window is a run of indexes.
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
     leaf bytea STORAGE EXTERNAL NOT NULL,
     PRIMARY KEY (recorded_at, entry_index)
   ) PARTITION BY RANGE (recorded_at)`,
  // A partition's rows stay whole: moving the leaf elsewhere would cost more than its 1.5 KB.
  `CREATE TABLE audit_entry_other PARTITION OF audit_entry DEFAULT WITH (toast_tuple_target = 8160)`,
  `CREATE INDEX ON audit_entry (action, entry_index)`,
  `CREATE INDEX ON audit_entry (outcome, entry_index) WHERE outcome <> 'success'`,
  `CREATE INDEX ON audit_entry (actor_tenant, entry_index)`,
  // Two that share the entries: what somebody did to others is apart, however much it is.
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
  // Newest first for words that many reasons have; for rare ones there is the next one.
  `CREATE INDEX ON audit_entry (entry_index) WHERE reason_code IS NOT NULL`,
  `CREATE INDEX ON audit_entry
     USING gin (to_tsvector('simple', reason_code || ' ' || coalesce(reason_detail, '')))
     WITH (gin_pending_list_limit = 64) -- kB; every search reads that list from end to end
     WHERE reason_code IS NOT NULL`,

  // The personal values whose salted hashes stand in the entries.
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

  // One row for each commit of the log; the newest is its head. Two rows can't follow the same tree,
  // so that the log can't fork even if its lock failed.
  `CREATE TABLE audit_head (
     size bigint PRIMARY KEY,
     from_size bigint NOT NULL UNIQUE,
     root bytea NOT NULL,
     recorded_at timestamptz NOT NULL,
     leaf_hashes bytea STORAGE EXTERNAL NOT NULL,
     checkpoint text COLLATE "C" NOT NULL,
     CHECK (size > from_size),
     CHECK (octet_length(leaf_hashes) = 32 * (size - from_size))
   )`,

  // Full tiles; partial ones are put together from the leaf hashes and roots here and above.
  `CREATE TABLE audit_tile (
     level integer NOT NULL,
     tile_index bigint NOT NULL,
     hashes bytea STORAGE EXTERNAL NOT NULL,
     root bytea NOT NULL,
     PRIMARY KEY (level, tile_index),
     CHECK (octet_length(hashes) = 8192)
   )`,

  // Every key that fingerprints were ever made with, so that old ones stay searchable.
  `CREATE TABLE audit_fingerprint_key (
     id text COLLATE "C" PRIMARY KEY,
     first_index bigint NOT NULL
   )`,

  // Entries counted by hour and one dimension, for hours that are over. Derived; an empty value stands
  // for entries that have none.
  `CREATE TABLE audit_statistic (
     dimension text COLLATE "C" NOT NULL,
     hour timestamptz NOT NULL,
     value text COLLATE "C" NOT NULL,
     entries bigint NOT NULL,
     PRIMARY KEY (dimension, hour, value)
   )`,
  // Each row says that the hours from one instant to another were counted.
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

  // Partitions for this month and the ones ahead. Runs as the owner, so that the service needs no
  // right to create tables. A month that has rows in the default partition already is left there.
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

  // Erases the personal values of the person whom an entry audit.erase names, in entries before it.
  // Needs that entry, so that nothing is erased without a trace in the log. Safe to repeat.
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

  // Takes the log's lock until the end of the transaction, then reads its head. In one function, but
  // two statements: the second one sees what was committed while the first one waited.
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
