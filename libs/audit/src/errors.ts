import { problem, StorageUnavailable } from '#libs/platform';

/** The entry could not be committed, so what it records must not be acknowledged. */
export class AuditUnavailable extends problem(
  'audit-unavailable',
  503,
  'The audit log is unavailable',
  'The request could not be recorded. Nothing was acknowledged; repeat the request.',
  { base: StorageUnavailable, retryAfterSeconds: 2 },
) {}

/** The log has no such entry, tile or bundle, or the reader may not see it. */
export class AuditEntryNotFound extends problem(
  'audit-entry-not-found',
  404,
  'The audit log has no such entry',
  'There is no such entry, or it is not one of your tenant.',
) {}

/** No checkpoint of the log has the cosignatures of a quorum yet, or the service has no witnesses. */
export class CheckpointNotWitnessed extends problem(
  'checkpoint-not-witnessed',
  404,
  'No checkpoint is cosigned by witnesses',
  'The service has no witnesses, or no quorum of them has cosigned a checkpoint yet.',
) {}

/** The log has no entry about this person, so that there is nothing to erase: mostly a mistyped identifier. */
export class PersonNotInLog extends problem(
  'person-not-in-log',
  404,
  'The audit log has nothing about the person',
  'The audit log has no entry of or about this tenant and subject. Nothing was erased.',
) {}

/** The bodies of these entries were dropped after their retention time; their hashes are still in the log. */
export class AuditEntryRetired extends problem(
  'audit-entry-retired',
  410,
  'The audit entry is no longer kept',
  'The retention time of these entries is over. Their hashes and proofs remain.',
) {}

/** An auditor of another tenant than the home tenant requested the whole log. */
export class AuditScopeExceeded extends problem(
  'audit-scope-exceeded',
  403,
  'Only auditors of the home tenant may read the whole log',
  'Auditors of other tenants see the entries of their own tenant.',
) {}

/** A range of client addresses has more addresses than a search can merge. */
export class AddressRangeTooWide extends problem(
  'address-range-too-wide',
  400,
  'The range of addresses is too wide',
  'The log has more than 4096 addresses of this range. Search a narrower one.',
) {}

/**
 * The stored log does not continue the log that was there before: it was changed, cut or replaced by a
 * backup. Nothing is appended, because a checkpoint on top would contradict earlier ones. For operators.
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

/** Whether the database was rolled back can't be known, so nothing is recorded. For operators. */
export class CheckpointFileUnreadable extends Error {
  override readonly name = 'CheckpointFileUnreadable';

  /** @param code of Node */
  constructor(readonly code: string) {
    super(`AUDIT_CHECKPOINT_FILE can not be read (${code})`);
  }
}

/** The log has another name than this process is set to, so that it records nothing. For operators. */
export class LogOriginDiffers extends Error {
  override readonly name = 'LogOriginDiffers';

  /** @param origin of the newest head */
  constructor(
    readonly origin: string,
    configured: string,
  ) {
    super(
      `the log has the name ${origin}, but AUDIT_LOG_ORIGIN is ${configured}: set it to the name of the log or, to continue the log under the other one, set AUDIT_LOG_PREVIOUS_ORIGIN=${origin}`,
    );
  }
}

/** The log is empty, and `AUDIT_LOG_ORIGIN` no name to begin one under. For operators. */
export class LogOriginUnfit extends Error {
  override readonly name = 'LogOriginUnfit';

  constructor() {
    super(
      'AUDIT_LOG_ORIGIN has characters that no host name and path have, and a log keeps its name: correct it before the first entry',
    );
  }
}

/** The time of the newest head was edited; the entries of the next one would get it too. For operators. */
export class HeadTimeInvalid extends Error {
  override readonly name = 'HeadTimeInvalid';

  constructor(size: number) {
    super(
      `the row of audit_head with size ${size} has a time that no entry has; run acs-identity audit verify and set recorded_at to that of the last entry of the head`,
    );
  }
}

/** Entries of the future have no retention time that is over. For operators. */
export class RetentionNotOver extends Error {
  override readonly name = 'RetentionNotOver';

  constructor() {
    super('The day lies in the future. Only whole months that have ended can be retired.');
  }
}

/** The log does not continue the copy in a folder: it was rolled back, cut or replaced. For auditors. */
export class CopyContradicted extends Error {
  override readonly name = 'CopyContradicted';

  constructor(
    readonly finding: string,
    options?: ErrorOptions,
  ) {
    super(
      `the log does not continue the copy in the folder: ${finding}. The copy was left as it is; keep it as evidence.`,
      options,
    );
  }
}

/** The clock of this process is off by more than `AUDIT_CLOCK_TOLERANCE_MS`. For operators. */
export class ClockOutOfBounds extends Error {
  override readonly name = 'ClockOutOfBounds';

  constructor(readonly finding: string) {
    super(`the clock is ${finding}; synchronise it`);
  }
}

/** A secret that should hold a signing key is not an Ed25519 private key. For operators. */
export class UnusableSigningKey extends Error {
  constructor(secretName: string, options?: ErrorOptions) {
    super(
      `the secret ${secretName} is no Ed25519 private key; make one with openssl genpkey -algorithm ed25519`,
      options,
    );
    this.name = 'UnusableSigningKey';
  }
}
