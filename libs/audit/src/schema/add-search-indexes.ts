import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds the columns and indexes of searches by values that have no column of their own. Rows that were added
 * before have no such columns; functions derive what the indexes need from their bytes.
 *
 * Runs outside a transaction, because the indexes are built without stopping appends. Safe to repeat after a
 * failure.
 */
export class AddSearchIndexes1798310000000 implements MigrationInterface {
  readonly name = 'AddSearchIndexes1798310000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [COLUMNS, FACET, SEARCH_IDS, GRANT]) await runner.query(statement);
    for (const index of INDEXES) await build(runner, index);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { name } of INDEXES) await runner.query(`DROP INDEX ${name}`);
    await runner.query('ALTER TABLE audit_entry DROP COLUMN facet, DROP COLUMN search_ids');
    await runner.query('DROP FUNCTION audit_facet(bytea), audit_search_ids(bytea)');
  }
}

const COLUMNS = `
  ALTER TABLE audit_entry ADD COLUMN IF NOT EXISTS facet text COLLATE "C",
    ADD COLUMN IF NOT EXISTS search_ids text COLLATE "C"`;

/** Stands for `facet` in older rows: other hashes of the same combinations. NULL when the bytes can't be decoded. */
const FACET = `
  CREATE OR REPLACE FUNCTION audit_facet(leaf bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
  DECLARE
    entry jsonb;
  BEGIN
    entry := convert_from(leaf, 'UTF8')::jsonb;
    RETURN left(encode(sha256(convert_to(jsonb_build_array(
      entry -> 'action', entry -> 'outcome', entry #> '{reason,code}', entry #> '{actor,kind}',
      entry #> '{actor,isGuest}', entry -> 'policy', entry #> '{upstream,secretVersion}',
      entry #> '{target,resource}', entry #> '{token,scopes}')::text, 'UTF8')), 'hex'), 16)
      COLLATE "C";
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
  END $$`;

/** Stands for `search_ids` in older rows: the same text. */
const SEARCH_IDS = `
  CREATE OR REPLACE FUNCTION audit_search_ids(leaf bytea) RETURNS text
  LANGUAGE plpgsql IMMUTABLE STRICT AS $$
  DECLARE
    entry jsonb;
  BEGIN
    entry := convert_from(leaf, 'UTF8')::jsonb;
    RETURN (SELECT coalesce(string_agg(('x' || left(
        encode(sha256(convert_to(id, 'UTF8')), 'hex'), 13))::bit(52)::bigint::text, ' '), '')
      FROM unnest(ARRAY['request ' || (entry #>> '{request,id}'),
        'trace ' || (entry #>> '{request,traceId}'), 'token ' || (entry #>> '{actor,tokenId}')]) AS id
      WHERE id IS NOT NULL) COLLATE "C";
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
  END $$`;

/** Replicas append already while the grants of this release are not in place. */
const GRANT = `GRANT EXECUTE ON FUNCTION audit_facet(bytea), audit_search_ids(bytea) TO PUBLIC`;

interface PartitionedIndex {
  readonly name: string;
  readonly table: string;
  readonly definition: string;
}

const INDEXES: readonly PartitionedIndex[] = [
  {
    name: 'audit_entry_facet_search',
    table: 'audit_entry',
    definition: '((coalesce(facet, audit_facet(leaf))), entry_index)',
  },
  {
    name: 'audit_entry_ids_search',
    table: 'audit_entry',
    // In kB; every search reads that list from end to end.
    definition: `USING gin ((string_to_array(coalesce(search_ids, audit_search_ids(leaf)), ' ')::bigint[]))
      WITH (gin_pending_list_limit = 64)`,
  },
  {
    name: 'audit_personal_name_search',
    table: 'audit_personal',
    definition: '(display_name, entry_index) WHERE display_name IS NOT NULL',
  },
];

/** Builds the index of each partition apart, as the parent's index can't be built concurrently. */
async function build(runner: QueryRunner, index: PartitionedIndex): Promise<void> {
  const { name, table, definition } = index;
  await runner.query(`CREATE INDEX IF NOT EXISTS ${name} ON ONLY ${table} ${definition}`);
  const partitions = (await runner.query(
    `SELECT c.relname AS partition FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
     WHERE inhparent = '${table}'::regclass AND NOT EXISTS (
       SELECT FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
       WHERE i.inhparent = '${name}'::regclass AND x.indrelid = c.oid)
     ORDER BY 1`,
  )) as { partition: string }[];
  for (const { partition } of partitions) {
    const own = `${partition}${name.slice(table.length)}`;
    await runner.query(`DROP INDEX IF EXISTS ${own}`); // what a failure left
    await runner.query(`CREATE INDEX CONCURRENTLY ${own} ON ${partition} ${definition}`);
    await runner.query(`ALTER INDEX ${name} ATTACH PARTITION ${own}`);
  }
}
