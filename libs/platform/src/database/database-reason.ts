import { errorCode } from '../errors/error-code.js';
import { remedyOf } from '../outbound/no-answer.js';
import { sqlState } from './sqlstate.js';
import { NoWritableHost } from './writable-host.js';

/** What errors mean that share a code with others, or have none. */
const MESSAGES: readonly (readonly [message: RegExp, reason: string])[] = [
  [/does not support SSL/, 'it offers no TLS: enable it there, or set sslmode=disable'],
  [/no encryption$/, 'it accepts no connections without TLS: set sslmode=verify-full'],
  [/valid client certificate/, 'it requires a client certificate: set sslcert and sslkey'],
  [/password must be a/, 'it requires a password, and none is set'],
  [
    /unsupported startup parameter/,
    'a pooler refuses a parameter of the address, or one of DateStyle, TimeZone and standard_conforming_strings',
  ],
];

/** What a SQLSTATE or a code of Node means for operators. Longer codes come before their classes. */
const REASONS: readonly (readonly [code: RegExp, reason: string])[] = [
  [/^28P01$/, 'the password is refused'],
  [/^28/, 'the login is refused'],
  [/^3D000$/, 'the database does not exist'],
  [/^3F000$/, 'the schema does not exist: run acs-identity migrate'],
  [/^42P01$/, 'a table is missing: run acs-identity migrate'],
  [/^42703$/, 'a column is missing: run acs-identity migrate'],
  [/^42883$/, 'a function is missing: run acs-identity migrate'],
  [/^42501$/, 'the role lacks a privilege: run acs-identity migrate'],
  [/^53100$/, 'its disk is full'],
  [/^53200$/, 'it is out of memory'],
  [/^53300$/, 'it accepts no more connections'],
  [/^53/, 'it lacks resources'],
  [/^57014$/, 'a statement was cancelled, usually by its timeout'],
  [/^57P01$/, 'it is shutting down'],
  [/^57P02$/, 'it has crashed'],
  [/^57P03$/, 'it is starting or stopping'],
  [/^57P05$/, 'it closed an idle connection'],
  [/^55P03$/, 'a lock was not free in time'],
  [/^25006$/, 'it is read-only'],
  [/^40/, 'transactions are in conflict'],
  [/^08/, 'the connection failed'],
  [/^58/, 'it can not use its files'],
  [/^XX/, 'it has an internal error or damaged data'],
  [/^ECONNREFUSED$/, 'it refuses the connection'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'its name can not be resolved'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'it can not be reached'],
  [/^(ECONNRESET|EPIPE)$/, 'the connection was lost'],
  [/^ERR_TLS_CERT_ALTNAME/, 'its certificate is for another name than that of the address'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [
    /^ERR_(SSL|OSSL)_.*(CERT|UNKNOWN_CA)/,
    'it refuses the client certificate: check sslcert and sslkey',
  ],
  [/^ERR_(SSL|OSSL|TLS)/, 'TLS can not be agreed on'],
  [/CERT|^UNABLE_TO_/, 'its certificate is not trusted: set sslrootcert to the file of its CA'],
];

/** Why the database can't be used, exactly, for operators. @param error of TypeORM or pg */
export function databaseReason(error: unknown): string {
  const root = rootOf(error);
  if (root instanceof NoWritableHost) {
    return `the database can not be used: no host takes writes: ${root.errors.map(reasonOf).join('; ')}`;
  }
  const code = sqlState(root) ?? errorCode(root);
  if (code === undefined && messageReason(root) === undefined) {
    if (isTimeout(error)) return 'the database gave no answer in time';
    if (!(root instanceof Error) || /terminated|ended|not queryable/.test(root.message)) {
      return 'the connection to the database was lost';
    }
  }
  return `the database can not be used: ${reasonOf(root)}`;
}

function reasonOf(error: unknown): string {
  const root = rootOf(error);
  const code = sqlState(root) ?? errorCode(root);
  const [, known] = REASONS.find(([pattern]) => code !== undefined && pattern.test(code)) ?? [];
  const reason =
    messageReason(root) ?? known ?? (code === undefined ? messageOf(root) : 'it can not serve');
  if (code === undefined) return reason;
  const server = serverOf(root);
  if (server === undefined) return `${reason} (${code})`;
  return `${server}: ${reason} (${code}): ${remedyOf(code) ?? 'check the server'}`;
}

/** Of a network error: the server that it is about. */
function serverOf(error: unknown): string | undefined {
  const { address, hostname, port } = error as Readonly<Record<string, unknown>>;
  const host = address ?? hostname;
  if (typeof host !== 'string') return undefined;
  return typeof port === 'number' ? `${host}:${port}` : host;
}

function messageReason(error: unknown): string | undefined {
  const [, reason] = MESSAGES.find(([pattern]) => pattern.test(messageOf(error))) ?? [];
  return reason;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of a timeout pg says so in the outer error only. */
function isTimeout(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isTimeout);
  return error instanceof Error && (/timeout/i.test(error.message) || isTimeout(error.cause));
}

function rootOf(error: unknown): unknown {
  if (error instanceof NoWritableHost) return error;
  if (error instanceof AggregateError) return rootOf(error.errors[0]);
  if (error instanceof Error && sqlState(error) === undefined && error.cause instanceof Error) {
    return rootOf(error.cause);
  }
  return error;
}
