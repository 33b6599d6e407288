import { ServiceError } from '#libs/platform';

/** The log has no such entry, tile or bundle, or the reader may not see it. */
export class AuditEntryNotFound extends ServiceError {
  override readonly code = 'audit-entry-not-found';
  override readonly status = 404;
  override readonly title = 'The audit log has no such entry';

  constructor() {
    super('There is no such entry, or it is not one of your tenant.');
  }
}

/** The body of an old entry was dropped after its time of retention; its hash is still in the log. */
export class AuditEntryRetired extends ServiceError {
  override readonly code = 'audit-entry-retired';
  override readonly status = 410;
  override readonly title = 'The audit entry is no longer kept';

  constructor() {
    super('The retention time of these entries is over. Their hashes and proofs remain.');
  }
}

/** A route that shows the whole log was asked for by an auditor of one tenant. */
export class AuditScopeExceeded extends ServiceError {
  override readonly code = 'audit-scope-exceeded';
  override readonly status = 403;
  override readonly title = 'Only auditors of the home tenant may read the whole log';

  constructor() {
    super('Auditors of other tenants see the entries of their own tenant.');
  }
}

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

/**
 * The stored log is not the one that was there before: changed, cut or put back from a backup.
 * Nothing is appended to it, since signing it would prove this log false. For operators.
 */
export class LogDamaged extends Error {
  constructor(
    readonly finding: string,
    options?: ErrorOptions,
  ) {
    super(`the audit log is damaged: ${finding}; run acs-identity audit verify`, options);
    this.name = 'LogDamaged';
  }
}

/** A secret that should hold a signing key does not hold an Ed25519 private key. For operators. */
export class UnusableSigningKey extends Error {
  constructor(secretName: string, options?: ErrorOptions) {
    super(
      `the secret ${secretName} is no Ed25519 private key; make one with openssl genpkey -algorithm ed25519`,
      options,
    );
    this.name = 'UnusableSigningKey';
  }
}
