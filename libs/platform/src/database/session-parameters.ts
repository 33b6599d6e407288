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

/** Set once for a direct connection. Behind a pooler the role, the database or the server must have them. */
export const SESSION_PARAMETERS: Readonly<Record<string, string>> = {
  default_transaction_isolation: 'read committed',
  array_nulls: 'on',
  extra_float_digits: '1',
  quote_all_identifiers: 'off',
};

/** What is read of a new session. */
export interface SessionState {
  readonly isDirect: boolean;
  readonly isStandby: boolean;
  readonly encoding: string;
  /** The parameters above that had another value when the session began, such as `array_nulls (off)`. */
  readonly different: readonly string[] | null;
  /** Of the search path that the role, the database or the server gives. */
  readonly hasTables: boolean;
  readonly searchPath: string;
}

/**
 * Sets the parameters of the session, unless a pooler is in between, whose server processes serve other
 * clients as well. A pooler is recognised by the process id that it made up for its client. The tables are
 * in `public`, unless an earlier schema of the search path has them.
 */
export const PREPARE_SESSION = `
  WITH session AS MATERIALIZED (
    SELECT pg_backend_pid() = $1 AS is_direct, current_setting('search_path') AS search_path,
      'public' = ANY (current_schemas(false)) OR to_regclass('schema_migration') IS NOT NULL AS has_tables
  ), wanted AS MATERIALIZED (
    SELECT name, value, setting, name = ANY ($4) AS is_required
    FROM unnest($2::text[], $3::text[]) AS given (parameter, value)
    JOIN pg_settings ON parameter = name
  )
  SELECT is_direct AS "isDirect", pg_is_in_recovery() AS "isStandby", current_setting('server_encoding') AS encoding,
    has_tables AS "hasTables", search_path AS "searchPath",
    (SELECT array_agg(name || ' (' || setting || ')') FROM wanted
     WHERE is_required AND setting <> value
       AND NOT (name = 'extra_float_digits' AND setting !~ '^-')) AS different, -- 0 keeps milliseconds
    CASE WHEN is_direct THEN (SELECT count(set_config(name, value, false)) FROM wanted) END,
    CASE WHEN is_direct AND NOT has_tables THEN
      set_config('search_path', concat_ws(', ', nullif(search_path, ''), 'public'), false) END
  FROM session`;

/** @param session parameters of one connection, beside those that all have */
export function prepareSessionValues(
  processId: number,
  session: Readonly<Record<string, string>>,
): unknown[] {
  const required = { ...STARTUP_PARAMETERS, ...SESSION_PARAMETERS };
  const wanted = { ...required, ...session };
  return [processId, Object.keys(wanted), Object.values(wanted), Object.keys(required)];
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
