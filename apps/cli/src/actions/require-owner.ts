import type { Queries } from '#libs/platform';

interface RoleRow {
  readonly role: string;
  readonly owner: string;
  readonly database: string;
  readonly isOwner: boolean;
}

/** Of an empty database, the role that owns the database. */
const ROLES = `
  SELECT current_user AS role, owner, current_database() AS database,
         pg_has_role(current_user, owner, 'USAGE') OR (is_empty AND
           has_schema_privilege(current_user, 'public', 'CREATE')) AS "isOwner"
  FROM (SELECT pg_get_userbyid(coalesce(relowner, datdba)) AS owner, relowner IS NULL AS is_empty
        FROM pg_database LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.schema_migration')
        WHERE datname = current_database()) AS schema`;

/** @throws Error that names the role to work as, before a command of the owner has done anything */
export async function requireOwner(database: Queries): Promise<void> {
  const [row] = await database.query<RoleRow>(ROLES, []);
  if (row === undefined || row.isOwner) return;
  const { role, owner, database: name } = row;
  throw new Error(
    `The role ${role} does not own the schema of the database ${name}: nothing was done. ` +
      `Set DATABASE_OWNER_URL, or --database-url, to the address for the role ${owner}, and its password, if it is in a file, in DATABASE_OWNER_PASSWORD_FILE. DATABASE_URL is of the role that the api works as.`,
  );
}
