import { isDatabaseOutage, sqlState } from '../database/sqlstate.js';
import { databaseReason } from '../database/database-reason.js';
import { DatabaseUnavailable } from '../errors/storage-unavailable.js';
import { ServiceError } from '../errors/service-error.js';

/** An error and its causes in one line for operators: codes and names, no values of callers. */
export function explain(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error instanceof DatabaseUnavailable || isDatabaseOutage(error)) return databaseReason(error);
  // Its message may quote a value.
  const state = sqlState(error);
  if (state !== undefined) return `the database refuses a statement (${state})`;
  const secret = 'secretName' in error ? ` ${String(error.secretName)}` : '';
  const why = 'why' in error ? ` (${String(error.why)})` : '';
  const own = error instanceof ServiceError ? `${error.code}${secret}${why}` : messageOf(error);
  if (error.cause === undefined || depth > 2) return own;
  return `${own}: ${explain(error.cause, depth + 1)}`;
}

function messageOf({ name, message }: Error): string {
  return name === 'Error' ? message : `${name}: ${message}`;
}
