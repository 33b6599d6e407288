import { problem } from '#libs/platform';
import type { CreatedIdentity } from './communication-identity-gateway.js';

/** ACS gave no response in time, or an invalid one. */
export class UpstreamUnavailable extends problem(
  'acs-unavailable',
  503,
  'Azure Communication Services is unavailable',
  'Azure Communication Services gave no usable answer in time; repeat the request.',
  { retryAfterSeconds: 5 },
) {}

/**
 * The response to a change was lost: to the creation of an identity, whose id is then unknown, or to a
 * change of an assignment, which may have taken effect or not.
 */
export class UpstreamOutcomeUnknown extends UpstreamUnavailable {
  override readonly code = 'acs-outcome-unknown';
  override readonly title = 'The answer of Azure Communication Services was lost';

  /** While ACS may still answer: the identity in its answer, `undefined` without one. Never rejects. */
  readonly late: Promise<CreatedIdentity | undefined> | undefined;

  constructor({
    late,
    ...options
  }: {
    readonly cause?: unknown;
    readonly late?: UpstreamOutcomeUnknown['late'];
  } = {}) {
    super({
      ...options,
      detail:
        'Azure Communication Services may have acted, but its answer was lost; repeat the request.',
    });
    this.late = late;
  }
}

/** ACS rejects values of the call that this service had validated. */
export class UpstreamRequestRefused extends UpstreamUnavailable {
  override readonly code = 'acs-request-refused';
  override readonly title = 'Azure Communication Services refuses the request';

  constructor(options: { readonly cause?: unknown } = {}) {
    super({
      ...options,
      retryAfterSeconds: 60,
      detail: 'Azure Communication Services refuses the request as this service made it.',
    });
  }
}

/** ACS answered 429 although the request budget allowed the call. */
export class UpstreamThrottled extends problem(
  'acs-throttled',
  503,
  'Azure Communication Services limits our requests',
  'Azure Communication Services takes no more requests for now; repeat the request later.',
  { retryAfterSeconds: 5 },
) {}

/** ACS does not accept this service's credential, even after it was read again. */
export class UpstreamCredentialRefused extends problem(
  'acs-credential-refused',
  503,
  'Azure Communication Services refuses this service',
  'Azure Communication Services refuses the credential of this service. The operator has to renew it.',
  { retryAfterSeconds: 30 },
) {}

/** ACS answered for another resource than the configured one: the configured id is wrong. */
export class UpstreamResourceMismatch extends problem(
  'acs-resource-mismatch',
  503,
  'The service is configured for another communication resource',
  'Azure Communication Services answered for another resource than the configured one. The operator has to correct its id.',
  { retryAfterSeconds: 60 },
) {}

/** The stored credential is neither a connection string nor an access key of the configured resource. */
export class UpstreamCredentialMalformed extends problem(
  'acs-credential-malformed',
  503,
  'The credential for Azure Communication Services is malformed',
  'The credential for Azure Communication Services is malformed. The operator has to renew it.',
  { retryAfterSeconds: 60 },
) {
  /** @param fault what is wrong, without the value; for operators only */
  constructor(
    readonly resource: string,
    fault: string,
  ) {
    super({ cause: new Error(fault) });
  }
}

/** The identity belongs to another ACS resource than the call's. */
export class IdentityNotOwned extends problem(
  'identity-not-owned',
  409,
  'The communication identity belongs to another resource',
  'The communication identity does not belong to the Azure Communication Services resource.',
) {}

/** The identity does not exist at ACS any more. */
export class IdentityMissing extends problem(
  'communication-identity-missing',
  409,
  'The communication identity does not exist any more',
  'Azure Communication Services does not know the communication identity.',
) {}

/** The name or the identity is of an ACS resource that is not configured. */
export class ResourceNotConfigured extends problem(
  'resource-not-configured',
  409,
  'The communication resource is not configured',
  'The Azure Communication Services resource of this identity is not configured here.',
) {
  /** @param resource name of the resource, or the id of one of its identities */
  constructor(readonly resource: string) {
    super();
  }
}

/** ACS does not accept the assignment: of this tenant, principal or application. */
export class TeamsPhoneAssignmentRefused extends problem(
  'teams-phone-assignment-refused',
  409,
  'Azure Communication Services refuses the assignment',
  'Azure Communication Services does not accept this principal, its type or one of the applications.',
) {}

/** No assignment at ACS lets the user have a token through the application. */
export class AccessNotAssigned extends problem(
  'access-not-assigned',
  403,
  'The user has no access to Azure Communication Services',
  'Azure Communication Services has no assignment that lets this user have a token through this application.',
) {}

/** ACS does not accept the user's Entra token, although it is valid. */
export class EntraTokenRefused extends problem(
  'entra-token-refused',
  403,
  'The Entra token is not accepted',
  'Azure Communication Services does not accept the Entra token of this user.',
) {}

/** ACS does not accept the Teams user's token, or it is of another user or application. */
export class TeamsTokenRefused extends problem(
  'teams-token-refused',
  400,
  'The Teams user token is not accepted',
  'Azure Communication Services does not accept the Teams user token for this caller and application.',
) {}
