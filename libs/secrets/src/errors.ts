import { problem, type ProblemOptions } from '#libs/platform';

/** The secret store gave no usable answer in time, and no cached value may be used. */
export class SecretUnavailable extends problem(
  'secrets-unavailable',
  503,
  'The secret store is unavailable',
  'A credential that this request needs could not be read. Nothing was done; repeat it.',
  { retryAfterSeconds: 5 },
) {}

/** The store has no such secret, or no such version of it. */
export class SecretNotFound extends problem(
  'secret-missing',
  503,
  'A secret is missing',
  'A credential that this request needs is missing. The operator has to provide it.',
  { retryAfterSeconds: 60 },
) {
  /** @param secretName for operators only */
  constructor(
    readonly secretName: string,
    options?: ProblemOptions,
  ) {
    super(options);
  }
}

/** The newest version of a secret must not be used. */
export class SecretUnusable extends problem(
  'secret-unusable',
  503,
  'A secret may not be used',
  'A credential that this request needs may not be used. The operator has to renew it.',
  { retryAfterSeconds: 60 },
) {
  /**
   * @param secretName for operators only
   * @param why for operators only
   */
  constructor(
    readonly secretName: string,
    readonly why: 'disabled' | 'expired' | 'not valid yet' | 'empty' | 'too short',
    options?: ProblemOptions,
  ) {
    super(options);
  }
}

/** The store does not let this service read the secret: a role or an access policy is missing. */
export class SecretAccessRefused extends problem(
  'secret-access-refused',
  503,
  'The secret store refuses this service',
  'This service may not read a credential that it needs. The operator has to allow it.',
  { retryAfterSeconds: 60 },
) {
  /** @param secretName for operators only */
  constructor(
    readonly secretName: string,
    options?: ProblemOptions,
  ) {
    super(options);
  }
}
