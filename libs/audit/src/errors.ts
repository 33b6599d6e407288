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
