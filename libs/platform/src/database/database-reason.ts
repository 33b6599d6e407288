import { sqlState } from './sqlstate.js';

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
  [/^ERR_TLS|CERT/, 'its certificate is not trusted'],
];

/** Why the database can't be used, exactly, for operators. @param error of TypeORM or pg */
export function databaseReason(error: unknown): string {
  const root = rootOf(error);
  const code = sqlState(root) ?? nodeCode(root);
  if (code === undefined) {
    if (isTimeout(error)) return 'the database gave no answer in time';
    return 'the connection to the database was lost';
  }
  const [, reason = 'it can not serve'] = REASONS.find(([pattern]) => pattern.test(code)) ?? [];
  return `the database can not be used: ${reason} (${code})`;
}

/** Of a timeout pg says so in the outer error only. */
function isTimeout(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isTimeout);
  return error instanceof Error && (/timeout/i.test(error.message) || isTimeout(error.cause));
}

function rootOf(error: unknown): unknown {
  if (error instanceof AggregateError) return rootOf(error.errors[0]);
  if (error instanceof Error && sqlState(error) === undefined && error.cause instanceof Error) {
    return rootOf(error.cause);
  }
  return error;
}

function nodeCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
