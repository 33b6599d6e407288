import {
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
  QueryFailedError,
} from 'typeorm';
import { errorCode } from '../errors/error-code.js';
import { DatabaseUnavailable } from '../errors/storage-unavailable.js';
import { ConnectionFailed } from './connection-failed.js';

/**
 * SQLSTATE classes and codes that any caller may get while the server can't serve: connection,
 * resources, shutdown, system and internal errors, refused logins, missing database; statements that
 * were cancelled, deadlocked, or ended by a timeout; a read-only server; a schema that is not migrated.
 *
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const OUTAGE =
  /^(08|53|57|58|XX|28|3D|3F)|^(40001|40P01|55P03|25006|25P02|25P03|42P01|42703|42883|42501)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Codes of Node's network and TLS errors. */
const NETWORK = /^E[A-Z]+$|^ERR_TLS|^CERT_|_CERT/;
/** What pg and its pool say in errors without a code. */
const DRIVER =
  /connection terminated|\btimeout\b|not queryable|cannot use a pool|driver not connected/i;

/** The SQLSTATE of a statement's error, from TypeORM or pg; `undefined` for any other error. */
export function sqlState(error: unknown): string | undefined {
  const code = errorCode(driverErrorOf(error));
  return code !== undefined && SQLSTATE.test(code) ? code : undefined;
}

/** Whether an error of TypeORM or pg means that the database can't serve now. */
export function isDatabaseOutage(error: unknown): boolean {
  // The connection was cut between two statements of a transaction; the second one gets this error.
  if (error instanceof QueryRunnerAlreadyReleasedError) return true;
  if (error instanceof QueryRunnerProviderAlreadyReleasedError) return true;
  const cause = driverErrorOf(error);
  if (cause instanceof ConnectionFailed) return true;
  if (cause instanceof AggregateError) return cause.errors.some(isDatabaseOutage);
  if (!(cause instanceof Error)) return false;
  if (cause.name === 'TimeoutError') return false; // of an AbortSignal; pg has none
  const code = errorCode(cause);
  if (code !== undefined && SQLSTATE.test(code)) return OUTAGE.test(code);
  // Other clients, such as that of Key Vault, have errors of their own with the same codes.
  if (cause.name !== 'Error') return false;
  return (code !== undefined && NETWORK.test(code)) || DRIVER.test(cause.message);
}

/** @returns `DatabaseUnavailable` for an outage, any other error unchanged */
export function asDatabaseUnavailable(error: unknown): unknown {
  return isDatabaseOutage(error) ? new DatabaseUnavailable({ cause: driverErrorOf(error) }) : error;
}

function driverErrorOf(error: unknown): unknown {
  return error instanceof QueryFailedError ? error.driverError : error;
}
