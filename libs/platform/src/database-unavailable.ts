import { ServiceError } from './service-error.js';

/** PostgreSQL did not answer, or not in time. What was asked of it may or may not have happened. */
export class DatabaseUnavailable extends ServiceError {
  override readonly code = 'database-unavailable';
  override readonly status = 503;
  override readonly title = 'The database is unavailable';

  constructor(options: { cause?: unknown } = {}) {
    super('The database gave no answer in time. Nothing was acknowledged; repeat the request.', {
      ...options,
      retryAfterSeconds: 2,
    });
  }
}
