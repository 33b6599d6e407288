import type { QueryConfig } from 'pg';

/**
 * Sent with the login, because poolers in transaction mode keep these for each client:
 * https://www.pgbouncer.org/config.html#ignore_startup_parameters. Written as the server reports them, so
 * that a pooler sees no difference to a server that has them already.
 */
export const STARTUP_PARAMETERS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  standard_conforming_strings: 'on',
};

/**
 * Set once for a direct connection, to the first value. Behind a pooler the role, the database or the server must
 * have one of them.
 */
export const SESSION_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  default_transaction_isolation: ['read committed'],
  array_nulls: ['on'],
  // With 0 a float8 has 15 digits as text: enough for milliseconds since 1970, which have 13.
  extra_float_digits: ['1', '0', '2', '3'],
  quote_all_identifiers: ['off'],
};

/** What is read of a new session. */
export interface SessionState {
  readonly isDirect: boolean;
  readonly isStandby: boolean;
  readonly encoding: string;
  /**
   * Those of `STARTUP_PARAMETERS` and `SESSION_PARAMETERS` that had another value when the session began, such as
   * `array_nulls (off)`.
   */
  readonly different: readonly string[] | null;
  /** Whether the search path that the role, the database or the server gives leads to the tables. */
  readonly hasTables: boolean;
  readonly searchPath: string;
}

/** $1 process id, $2 parameters as `prepareSession` has them */
const PREPARE_SESSION = `
  WITH session AS MATERIALIZED (
    SELECT pg_backend_pid() = $1 AS is_direct, current_setting('search_path') AS search_path,
      'public' = ANY (current_schemas(false)) OR to_regclass('schema_migration') IS NOT NULL AS has_tables
  ), wanted AS MATERIALIZED (
    SELECT name, accepted, setting, "isRequired" AS is_required
    FROM jsonb_to_recordset($2) AS given (parameter text, accepted text[], "isRequired" boolean)
    JOIN pg_settings ON parameter = name
  )
  SELECT is_direct AS "isDirect", pg_is_in_recovery() AS "isStandby", current_setting('server_encoding') AS encoding,
    has_tables AS "hasTables", search_path AS "searchPath",
    (SELECT array_agg(name || ' (' || setting || ')') FROM wanted
     WHERE is_required AND setting <> ALL (accepted)) AS different,
    CASE WHEN is_direct THEN (SELECT count(set_config(name, accepted[1], false)) FROM wanted) END,
    CASE WHEN is_direct AND NOT has_tables THEN
      set_config('search_path', concat_ws(', ', nullif(search_path, ''), 'public'), false) END
  FROM session`;

/**
 * The statement that sets the parameters of a new session, unless a pooler is in between, whose server processes
 * serve other clients as well. A pooler is recognised by the process id that it made up for its client. The
 * tables are in `public`, unless an earlier schema of the search path has them. Its row is a `SessionState`.
 *
 * @param session parameters of one connection, beside those that all have
 */
export function prepareSession(
  processId: number,
  session: Readonly<Record<string, string>>,
): QueryConfig {
  const required = { ...STARTUP_PARAMETERS, ...SESSION_PARAMETERS };
  const parameters = Object.entries({ ...required, ...session }).map(([parameter, value]) => ({
    parameter,
    accepted: [value].flat(),
    isRequired: Object.hasOwn(required, parameter),
  }));
  return { text: PREPARE_SESSION, values: [processId, JSON.stringify(parameters)] };
}

/** The server gives sessions that the service can't work with. The message has what and the remedy. */
export class UnusableSession extends Error {
  override readonly name = 'UnusableSession';

  constructor(
    readonly problem: 'encoding' | 'parameter',
    message: string,
  ) {
    super(message);
  }
}

/** @throws UnusableSession */
export function requireUsableSession(state: SessionState): void {
  const { isDirect, encoding, different, hasTables, searchPath } = state;
  if (encoding !== 'UTF8') {
    throw new UnusableSession(
      'encoding',
      `its encoding is ${encoding}, which not every name can be stored in: ` +
        'create a database with ENCODING UTF8 TEMPLATE template0, and restore a dump of this one there',
    );
  }
  if (isDirect) return;
  const problems = [...(different ?? []), ...(hasTables ? [] : [`search_path (${searchPath})`])];
  if (problems.length === 0) return;
  throw new UnusableSession(
    'parameter',
    `behind a pooler these parameters of its sessions can not be set: ${problems.join(', ')}. ` +
      'Reset them for the role and the database (ALTER ROLE … RESET, ALTER DATABASE … RESET), ' +
      'then RECONNECT at the pooler',
  );
}
