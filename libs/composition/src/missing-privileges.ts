import type { Queries } from '#libs/platform';
import { serviceFunctionGrants, serviceGrants } from './schema.js';

/** $1 grants of tables as JSON, $2 functions. */
const MISSING = `
  WITH granted AS (
    SELECT "table"::regclass AS oid, "insert", "update", "delete" FROM jsonb_to_recordset($1)
      AS g ("table" text, "insert" jsonb, "update" jsonb, "delete" boolean)
  ), needed (what, is_granted) AS (
    SELECT format('%s on %s', privilege, oid::regclass), has_table_privilege(oid, privilege)
    FROM granted, LATERAL (VALUES ('SELECT', true), ('INSERT', "insert" = '"all"'), ('DELETE', "delete"))
      AS p (privilege, is_needed)
    WHERE is_needed
    UNION ALL
    SELECT format('%s of the column %s of %s', privilege, name, oid::regclass),
      has_column_privilege(oid, name, privilege)
    FROM granted, LATERAL (VALUES ('INSERT', "insert"), ('UPDATE', "update")) AS p (privilege, columns),
      LATERAL jsonb_array_elements_text(CASE jsonb_typeof(columns) WHEN 'array' THEN columns ELSE '[]' END)
      AS c (name)
    UNION ALL
    SELECT 'EXECUTE of ' || signature, has_function_privilege(signature, 'EXECUTE')
    FROM unnest($2::text[]) AS f (signature)
  )
  SELECT what FROM needed WHERE NOT is_granted ORDER BY what`;

/** @returns what this release needs, and the role of the connection may not do; the schema must be complete */
export async function missingPrivileges(queries: Queries): Promise<string[]> {
  const rows = await queries.query<{ what: string }>(MISSING, [
    JSON.stringify(serviceGrants),
    serviceFunctionGrants,
  ]);
  return rows.map(({ what }) => what);
}
