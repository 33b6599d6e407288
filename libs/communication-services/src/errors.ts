import { ServiceError } from '#libs/platform';

/** Azure Communication Services gave no answer in time, or one that makes no sense. */
export class UpstreamUnavailable extends ServiceError {
  override readonly code: string = 'acs-unavailable';
  override readonly status = 503;
  override readonly title: string = 'Azure Communication Services is unavailable';

  constructor(options: { cause?: unknown; retryAfterSeconds?: number; detail?: string } = {}) {
    const { detail, ...rest } = options;
    super(
      detail ?? 'Azure Communication Services gave no usable answer in time; repeat the request.',
      {
        retryAfterSeconds: 5,
        ...rest,
      },
    );
  }
}

/** The answer to a create was lost: an identity may exist at ACS whose id nobody knows. */
export class UpstreamOutcomeUnknown extends UpstreamUnavailable {
  override readonly code = 'acs-outcome-unknown';
  override readonly title = 'The answer of Azure Communication Services was lost';

  constructor(options: { cause?: unknown } = {}) {
    super({
      ...options,
      detail:
        'Azure Communication Services may have acted, but its answer was lost; repeat the request.',
    });
  }
}

/** ACS refused the call for its own limits, though the request budget allowed it. */
export class UpstreamThrottled extends ServiceError {
  override readonly code = 'acs-throttled';
  override readonly status = 503;
  override readonly title = 'Azure Communication Services limits our requests';

  constructor(options: { cause?: unknown; retryAfterSeconds: number }) {
    super(
      'Azure Communication Services takes no more requests for now; repeat the request later.',
      options,
    );
  }
}

/** ACS does not accept the credential of this service, not even after it was read again. */
export class UpstreamCredentialRefused extends ServiceError {
  override readonly code = 'acs-credential-refused';
  override readonly status = 503;
  override readonly title = 'Azure Communication Services refuses this service';

  constructor(options: { cause?: unknown } = {}) {
    super(
      'Azure Communication Services refuses the credential of this service. The operator has to renew it.',
      {
        ...options,
        retryAfterSeconds: 30,
      },
    );
  }
}

/** The stored credential is no connection string or access key for the configured resource. */
export class UpstreamCredentialMalformed extends ServiceError {
  override readonly code = 'acs-credential-malformed';
  override readonly status = 503;
  override readonly title = 'The credential for Azure Communication Services is malformed';

  /** @param problem what is wrong, without the value; only operators read it */
  constructor(
    readonly resource: string,
    readonly problem: string,
  ) {
    super(
      'The credential for Azure Communication Services is malformed. The operator has to renew it.',
      {
        cause: new Error(problem),
        retryAfterSeconds: 60,
      },
    );
  }
}

/** The identity belongs to an ACS resource other than the one asked. */
export class IdentityNotOwned extends ServiceError {
  override readonly code = 'identity-not-owned';
  override readonly status = 409;
  override readonly title = 'The communication identity belongs to another resource';

  constructor(options: { cause?: unknown } = {}) {
    super(
      'The communication identity does not belong to the Azure Communication Services resource.',
      options,
    );
  }
}

/** The identity does not exist at ACS any more. */
export class IdentityMissing extends ServiceError {
  override readonly code = 'communication-identity-missing';
  override readonly status = 409;
  override readonly title = 'The communication identity does not exist any more';

  constructor(options: { cause?: unknown } = {}) {
    super('Azure Communication Services does not know the communication identity.', options);
  }
}

/** Something names an ACS resource that this service has no configuration for. */
export class ResourceNotConfigured extends ServiceError {
  override readonly code = 'resource-not-configured';
  override readonly status = 409;
  override readonly title = 'The communication resource is not configured';

  /** @param resource name of the resource, or the id of one of its identities */
  constructor(readonly resource: string) {
    super('The Azure Communication Services resource of this identity is not configured here.');
  }
}

/** ACS refuses the call's values. The caller's are checked before, so that the fault is ours. */
export class UpstreamRequestRefused extends UpstreamUnavailable {
  override readonly code = 'acs-request-refused';
  override readonly title = 'Azure Communication Services refuses the request';

  constructor(options: { cause?: unknown } = {}) {
    super({
      ...options,
      retryAfterSeconds: 60,
      detail: 'Azure Communication Services refuses the request as this service made it.',
    });
  }
}

/** ACS does not accept the Teams user's token, or it is another user's or application's. */
export class TeamsTokenRefused extends ServiceError {
  override readonly code = 'teams-token-refused';
  override readonly status = 400;
  override readonly title = 'The Teams user token is not accepted';

  constructor(options: { cause?: unknown } = {}) {
    super(
      'Azure Communication Services does not accept the Teams user token for this caller and application.',
      options,
    );
  }
}
