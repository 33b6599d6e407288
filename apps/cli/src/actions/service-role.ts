import type { QueryRunner } from 'typeorm';
import { newerMigrations, serviceFunctionGrants, serviceGrants } from '#libs/composition';
import type { Queries, TableGrant } from '#libs/platform';

/** SQL: an object of the schema that no extension owns. */
function isOurs(catalog: 'pg_class' | 'pg_proc', oid: string): string {
  return `NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass
                      AND objid = ${oid} AND deptype = 'e')`;
}

/** Relations, sequences and routines of the schema whose privileges the migrating role can change. */
const OBJECTS = `
  SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || oid::regclass AS object
  FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND pg_has_role(relowner, 'USAGE') AND ${isOurs('pg_class', 'oid')}
  UNION ALL
  SELECT 'ROUTINE ' || oid::regprocedure FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace
    AND pg_has_role(proowner, 'USAGE') AND ${isOurs('pg_proc', 'oid')}`;

/** The role that will own partitions which the service has created. */
const OWNER = `
  SELECT proowner::regrole AS owner FROM pg_proc
  WHERE oid = 'audit_create_partitions(integer)'::regprocedure`;

/**
 * Grants the role what this release needs, and revokes everything else, from the role and from PUBLIC:
 * also what later partitions and functions would get by default privileges. On the schema of a newer release
 * it revokes nothing: that release's replicas may be serving, and what they need is not known here.
 */
export async function grantToServiceRole(runner: QueryRunner, role: string): Promise<void> {
  const newer = await newerMigrations(queriesOf(runner));
  await runner.startTransaction();
  try {
    if (newer.length === 0) await revokeEverything(runner, role);
    await grantNeeded(runner, role);
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  }
}

async function revokeEverything(runner: QueryRunner, role: string): Promise<void> {
  const everybody = `${identifier(role)}, PUBLIC`;
  await runner.query(`REVOKE CREATE ON SCHEMA public FROM ${everybody}`);
  for (const { object } of await runner.manager.query<{ object: string }[]>(OBJECTS)) {
    await runner.query(`REVOKE ALL ON ${object} FROM ${everybody} CASCADE`);
  }
  for (const { owner } of await runner.manager.query<{ owner: string }[]>(OWNER)) {
    for (const scope of [`FOR ROLE ${owner}`, `FOR ROLE ${owner} IN SCHEMA public`]) {
      for (const kind of ['TABLES', 'SEQUENCES', 'ROUTINES']) {
        await runner.query(
          `ALTER DEFAULT PRIVILEGES ${scope} REVOKE ALL ON ${kind} FROM ${everybody}`,
        );
      }
    }
  }
}

async function grantNeeded(runner: QueryRunner, role: string): Promise<void> {
  const to = identifier(role);
  await runner.query(`GRANT USAGE ON SCHEMA public TO ${to}`);
  for (const grant of serviceGrants) {
    await runner.query(`GRANT ${privileges(grant)} ON ${identifier(grant.table)} TO ${to}`);
  }
  for (const signature of serviceFunctionGrants) {
    await runner.query(`GRANT EXECUTE ON FUNCTION ${signature} TO ${to}`);
  }
}

function privileges({ insert, update, delete: mayDelete }: TableGrant): string {
  return [
    'SELECT',
    ...(insert === undefined ? [] : insert === 'all' ? ['INSERT'] : [`INSERT ${list(insert)}`]),
    ...(update === undefined ? [] : [`UPDATE ${list(update)}`]),
    ...(mayDelete ? ['DELETE'] : []),
  ].join(', ');
}

function list(columns: readonly string[]): string {
  return `(${columns.map(identifier).join(', ')})`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * $1 role, $2 grants of tables as JSON, $3 functions, $4 the last rank that counts. Counts what the role may become as well. Attributes and
 * ownership come first: they explain the rest.
 */
const EXCESS = `
  WITH self AS (
    SELECT r.*, r.rolname = $1 AS is_named FROM pg_roles r
    WHERE CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = $1) THEN rolname = $1
               ELSE pg_has_role($1, oid, 'MEMBER') END
  ), granted AS (
    SELECT "table"::regclass AS oid, "insert", "update", "delete" FROM jsonb_to_recordset($2)
      AS g ("table" text, "insert" jsonb, "update" jsonb, "delete" boolean)
  ), relation AS (
    SELECT c.oid, g.oid IS NOT NULL AS is_granted, "insert", "update", "delete"
    FROM pg_class c LEFT JOIN granted g ON g.oid = c.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND ${isOurs('pg_class', 'c.oid')}
  ), excess (rank, what) AS (
    SELECT 1, CASE WHEN is_named THEN '' ELSE 'as a member of ' || rolname || ': ' END || attribute
    FROM self, LATERAL (VALUES (rolsuper, 'everything, as a superuser'),
      (rolcreaterole, 'create roles'), (rolcreatedb, 'create databases'),
      (rolreplication, 'replicate'), (rolbypassrls, 'bypass row security')) AS a (is_set, attribute)
    WHERE is_set
    UNION ALL
    SELECT 2, format('change what %s owns: %s', rolname, pg_describe_object(classid, objid, objsubid))
    FROM self JOIN pg_shdepend ON refclassid = 'pg_authid'::regclass AND refobjid = self.oid
    JOIN pg_database ON datname = current_database()
    WHERE deptype = 'o'
      AND (dbid = pg_database.oid OR classid = 'pg_database'::regclass AND objid = pg_database.oid)
      AND NOT EXISTS (SELECT FROM pg_class c WHERE classid = 'pg_class'::regclass
                      AND c.oid = objid AND relpersistence = 't')
    UNION ALL
    SELECT 3, 'CREATE on the database'
    FROM self WHERE has_database_privilege(oid, current_database(), 'CREATE')
    UNION ALL
    SELECT 3, 'CREATE on the schema ' || nspname FROM self, pg_namespace n
    WHERE has_schema_privilege(self.oid, n.oid, 'CREATE') AND nspname !~ '^pg_(toast_)?temp_'
    UNION ALL
    SELECT 3, 'SET on the parameter session_replication_role'
    FROM self WHERE has_parameter_privilege(oid, 'session_replication_role', 'SET')
    UNION ALL
    SELECT 4, format('%s on %s', privilege, r.oid::regclass)
    FROM self, relation r, LATERAL (VALUES
      ('SELECT', NOT is_granted), ('DELETE', "delete" IS NOT TRUE), ('TRUNCATE', true),
      ('TRIGGER', true), ('MAINTAIN', current_setting('server_version_num')::int >= 170000)
    ) AS p (privilege, is_excess)
    WHERE CASE WHEN is_excess THEN has_table_privilege(self.oid, r.oid, privilege) END
    UNION ALL
    SELECT 4, format('%s of the column %s of %s', privilege, attname, r.oid::regclass)
    FROM self, relation r JOIN pg_attribute ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped,
    LATERAL (VALUES ('INSERT', "insert"), ('UPDATE', "update"), ('REFERENCES', NULL)
    ) AS p (privilege, columns)
    WHERE columns IS DISTINCT FROM '"all"' AND (columns ? attname) IS NOT TRUE
      AND has_column_privilege(self.oid, r.oid, attnum, privilege)
    UNION ALL
    SELECT 4, 'use of the sequence ' || c.oid::regclass FROM self, pg_class c
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND ${isOurs('pg_class', 'c.oid')}
      AND has_sequence_privilege(self.oid, c.oid, 'USAGE, SELECT, UPDATE')
    UNION ALL
    SELECT 4, 'EXECUTE of ' || f.oid::regprocedure FROM self, pg_proc f
    WHERE pronamespace = 'public'::regnamespace AND ${isOurs('pg_proc', 'f.oid')}
      AND f.oid <> ALL ($3::regprocedure[])
      AND has_function_privilege(self.oid, f.oid, 'EXECUTE')
  )
  SELECT what FROM excess GROUP BY what HAVING min(rank) <= $4 ORDER BY min(rank), what`;

/** Of `EXCESS`: privileges of single objects, which a newer release may have granted. */
const OBJECT_RANK = 4;

const MAX_LINES = 20;

/**
 * What the role can do beyond the grants: by attributes, ownership, other roles that it is a member of,
 * grants of others, and PUBLIC. On the schema of a newer release without privileges of single tables and
 * functions: that release may need them.
 */
export async function excessOf(queries: Queries, role: string): Promise<string[]> {
  const newer = await newerMigrations(queries);
  const rows = await queries.query<{ what: string }>(EXCESS, [
    role,
    JSON.stringify(serviceGrants),
    serviceFunctionGrants,
    newer.length === 0 ? OBJECT_RANK : OBJECT_RANK - 1,
  ]);
  return rows.map(({ what }) => what);
}

export function queriesOf(runner: QueryRunner): Queries {
  return {
    query: async <Row>(sql: string, parameters: readonly unknown[]) =>
      runner.manager.query<Row[]>(sql, [...parameters]),
  };
}

/** @throws when the role can do more than it was granted */
export async function requireNoExcess(runner: QueryRunner, role: string): Promise<void> {
  const excess = await excessOf(queriesOf(runner), role);
  if (excess.length === 0) return;
  const lines = excess.slice(0, MAX_LINES);
  if (lines.length < excess.length) lines.push(`and ${excess.length - lines.length} more`);
  throw new Error(
    `The schema is up to date, but the role ${JSON.stringify(role)} can do more than the service needs:\n` +
      lines.map((line) => `- ${line}\n`).join('') +
      'Revoke it, or use another role, and migrate again.',
  );
}
