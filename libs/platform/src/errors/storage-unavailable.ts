import { problem } from './problem.js';
import { ServiceError } from './service-error.js';

/** The database or the audit log is unavailable, so that nothing can be recorded. */
export abstract class StorageUnavailable extends ServiceError {}

/**
 * PostgreSQL can't be used; `cause` has the driver's error, `databaseReason` explains it. The statement
 * may or may not have taken effect.
 */
export class DatabaseUnavailable extends problem(
  'database-unavailable',
  503,
  'The database is unavailable',
  'The database can not be used now. Nothing was acknowledged; repeat the request.',
  { base: StorageUnavailable, retryAfterSeconds: 2 },
) {}
