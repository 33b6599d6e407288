import { ServiceError } from '#libs/platform';

/** The secret store gave no answer, or none that makes sense, and nothing usable is in memory. */
export class SecretUnavailable extends ServiceError {
  override readonly code = 'secrets-unavailable';
  override readonly status = 503;
  override readonly title = 'The secret store is unavailable';

  constructor(options: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super('A credential that this request needs could not be read. Nothing was done; repeat it.', {
      retryAfterSeconds: 5,
      ...options,
    });
  }
}

/** The configuration names a secret, or a version of one, that the store doesn't have. */
export class SecretNotFound extends ServiceError {
  override readonly code = 'secret-missing';
  override readonly status = 503;
  override readonly title = 'A secret is missing';

  /** @param name the secret's name; only operators read it */
  constructor(
    readonly secretName: string,
    options: { cause?: unknown } = {},
  ) {
    super('A credential that this request needs is missing. The operator has to provide it.', {
      ...options,
      retryAfterSeconds: 60,
    });
  }
}

/** The newest version of a secret is disabled, expired or not valid yet. */
export class SecretUnusable extends ServiceError {
  override readonly code = 'secret-unusable';
  override readonly status = 503;
  override readonly title = 'A secret may not be used';

  /** @param why only operators read it */
  constructor(
    readonly secretName: string,
    readonly why: 'disabled' | 'expired' | 'not valid yet' | 'empty',
    options: { cause?: unknown } = {},
  ) {
    super('A credential that this request needs may not be used. The operator has to renew it.', {
      ...options,
      retryAfterSeconds: 60,
    });
  }
}

/** The store knows this service and lets it not read the secret: a role or access policy is missing. */
export class SecretAccessRefused extends ServiceError {
  override readonly code = 'secret-access-refused';
  override readonly status = 503;
  override readonly title = 'The secret store refuses this service';

  /** @param secretName only operators read it */
  constructor(
    readonly secretName: string,
    options: { cause?: unknown } = {},
  ) {
    super('This service may not read a credential that it needs. The operator has to allow it.', {
      ...options,
      retryAfterSeconds: 60,
    });
  }
}
