import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds the indexes of searches by values that have no column. They are computed from the bytes of an entry,
 * so that they cover older entries as well and can't contradict them.
 */
export class AddSearchIndexes1798310000000 implements MigrationInterface {
  readonly name = 'AddSearchIndexes1798310000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX audit_personal_display_name');
    await runner.query('DROP INDEX audit_entry_ids_search');
    await runner.query('DROP INDEX audit_entry_facet_search');
    await runner.query('DROP FUNCTION audit_entry_ids(bytea)');
    await runner.query('DROP FUNCTION audit_facet(bytea)');
  }
}

const statements = [
  // Identifies the combination of those values of an entry of which there are few: `EntryFacets` names
  // them. NULL when the bytes can't be decoded. One index of combinations serves searches by each of the
  // values and by several of them, and costs an append one index entry.
  `CREATE FUNCTION audit_facet(leaf bytea) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
   DECLARE
     entry jsonb;
   BEGIN
     entry := convert_from(leaf, 'UTF8')::jsonb;
     RETURN hashtextextended(jsonb_build_array(
       entry -> 'action', entry -> 'outcome', entry #> '{reason,code}', entry #> '{actor,kind}',
       entry #> '{actor,isGuest}', entry -> 'policy', entry #> '{upstream,secretVersion}',
       entry #> '{target,resource}', entry #> '{token,scopes}')::text, 0);
   EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
     RETURN NULL;
   END $$`,
  // Request, trace and caller's token: values that few entries share. NULL as above.
  `CREATE FUNCTION audit_entry_ids(leaf bytea) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
   DECLARE
     entry jsonb;
   BEGIN
     entry := convert_from(leaf, 'UTF8')::jsonb;
     RETURN array_remove(ARRAY['request ' || (entry #>> '{request,id}'),
       'trace ' || (entry #>> '{request,traceId}'), 'token ' || (entry #>> '{actor,tokenId}')], NULL);
   EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
     RETURN NULL;
   END $$`,
  // Replicas that run append while the grants of this release are not in place yet.
  `GRANT EXECUTE ON FUNCTION audit_facet(bytea), audit_entry_ids(bytea) TO PUBLIC`,
  `CREATE INDEX audit_entry_facet_search ON audit_entry (audit_facet(leaf), entry_index)`,
  `CREATE INDEX audit_entry_ids_search ON audit_entry USING gin (audit_entry_ids(leaf))
     WITH (gin_pending_list_limit = 64) -- kB; every search reads that list from end to end`,
  `CREATE INDEX audit_personal_display_name ON audit_personal (display_name, entry_index)
     WHERE display_name IS NOT NULL`,
];
