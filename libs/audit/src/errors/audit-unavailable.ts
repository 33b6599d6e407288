import { ServiceError } from '#libs/platform';

/** The entry could not be made durable, so that what it tells of must not be acknowledged. */
export class AuditUnavailable extends ServiceError {
  override readonly code = 'audit-unavailable';
  override readonly status = 503;
  override readonly title = 'The audit log is unavailable';

  constructor(options: { cause?: unknown } = {}) {
    super(
      'What was asked for could not be recorded. Nothing was acknowledged; repeat the request.',
      {
        ...options,
        retryAfterSeconds: 2,
      },
    );
  }
}
