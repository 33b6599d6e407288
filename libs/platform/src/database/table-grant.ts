/**
 * What the service's role may do with a table besides reading it. It names what the statements of the
 * service write and nothing else: `acs-identity migrate` grants this, and revokes the rest.
 */
export interface TableGrant {
  readonly table: string;
  /** Columns of its INSERT and COPY statements. `all`: these statements name every column. */
  readonly insert?: 'all' | readonly string[];
  /** Columns that its UPDATE statements set. At least one is needed for `SELECT … FOR UPDATE` and `FOR SHARE`. */
  readonly update?: readonly string[];
  readonly delete?: true;
}
