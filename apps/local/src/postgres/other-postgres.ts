/** The role that the api works as. */
export const SERVICE = 'acs_identity_service';

export interface LastStart {
  /** Password of the role of the api. */
  readonly password: string;
  /** Port of the embedded PostgreSQL. */
  readonly port: number;
}

/**
 * The address of another PostgreSQL than the embedded one. A terminal that has sourced `.local/api.env` has
 * the address of the last start, which is none.
 *
 * @throws when it is for the role of the api at another PostgreSQL: that role may not migrate
 */
export function otherPostgres(
  givenUrl: string | undefined,
  { password, port }: LastStart,
): string | undefined {
  const url = URL.parse(givenUrl ?? '');
  if (url?.username !== SERVICE || url.password !== password) return givenUrl;
  if (url.hostname === '127.0.0.1' && url.port === String(port)) return undefined;
  throw new Error(
    'DATABASE_URL is that of .local/api.env, for the role of the api: unset DATABASE_URL, or set it to the address for a role that may create roles.',
  );
}
