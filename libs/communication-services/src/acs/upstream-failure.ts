import type { AcsOperation, Throttled } from '#libs/request-budget';
import { AzureFault } from '#libs/secrets';
import {
  AccessNotAssigned,
  EntraTokenRefused,
  IdentityMissing,
  IdentityNotOwned,
  TeamsPhoneAssignmentRefused,
  TeamsTokenRefused,
  UpstreamCredentialRefused,
  UpstreamOutcomeUnknown,
  UpstreamRequestRefused,
  UpstreamResourceMismatch,
  UpstreamUnavailable,
} from '../errors.js';
import type { CommunicationResource } from '../resources/communication-resources.js';
import { AbsentIdentity, ForeignAnswer } from './foreign-answer.js';
import { retryAfterOf, throttledFailure } from './throttling.js';
import { CallExpired, NoResponse } from './undici-http-client.js';

/** A failed attempt to call ACS, and what can be done about it. */
export interface UpstreamFailure {
  /** What the caller gets unless a retry succeeds. */
  readonly refusal: Error;
  /** Label of the metric: one of a few fixed values. */
  readonly outcome: string;
  /** Absent when a retry can't help. */
  readonly retry?: 'same credential' | 'another credential' | 'another permit';
  /** Present when ACS answered 429. */
  readonly throttled?: Throttled;
  /** Whether ACS itself is failing, not this one call. */
  readonly isOutage: boolean;
  /** False when ACS certainly got no request. */
  readonly wasSent: boolean;
}

/** A 2xx response with invalid content. */
export class InvalidResponse extends Error {
  override readonly name = 'InvalidResponse';
}

/** A 2xx response about another resource than the configured one. */
export class ForeignResource extends Error {
  override readonly name = 'ForeignResource';

  /** @param actual id of the resource that ACS answered for */
  constructor(actual: string, { name, immutableResourceId }: CommunicationResource) {
    super(
      `Azure Communication Services answered for the resource ${actual}; ACS_RESOURCE_ID, or resourceId of ${name} in ACS_RESOURCES_FILE, is ${immutableResourceId}`,
    );
  }
}

/** Azure issued this process no token for ACS, so that nothing was sent. */
export class CredentialUnavailable extends Error {
  override readonly name = 'CredentialUnavailable';

  constructor(readonly fault: AzureFault) {
    super(fault.message);
  }
}

/** ACS has no such assignment. */
export class AbsentAssignment extends Error {
  override readonly name = 'AbsentAssignment';
}

const FOREIGN_DETAIL =
  'Something that is not Azure Communication Services answered in its place; repeat the request.';

const LATE_DETAIL =
  'The call to Azure Communication Services could not begin in time; repeat the request.';

/** Whether the call is not safe to repeat. */
export function isCreate(operation: AcsOperation): boolean {
  return operation === 'create' || operation === 'createWithToken';
}

/** Whether it stays unknown what a call has done when its response is lost. */
function isUnknownWithoutResponse(operation: AcsOperation): boolean {
  return isCreate(operation) || operation === 'assign' || operation === 'unassign';
}

/** Whether a user's own token authorizes the call. */
export function isClientExchange(operation: AcsOperation): boolean {
  return operation === 'exchangeTeamsExtension' || operation === 'exchangeEntra';
}

function isAboutIdentity(operation: AcsOperation): boolean {
  return operation === 'issue' || operation === 'revoke' || operation === 'delete';
}

/**
 * Classifies an error. Of a response only the codes are kept: its body may contain a token.
 *
 * @param late the identity, if a create is still answered
 */
export function upstreamFailure(
  operation: AcsOperation,
  error: unknown,
  late?: UpstreamOutcomeUnknown['late'],
): UpstreamFailure {
  if (error instanceof NoResponse) {
    const isUnknown = isUnknownWithoutResponse(operation) && error.wasSent;
    return {
      outcome: 'no answer',
      isOutage: true,
      wasSent: error.wasSent,
      refusal: isUnknown
        ? new UpstreamOutcomeUnknown({ cause: error, ...(late && { late }) })
        : new UpstreamUnavailable({ cause: error }),
      ...(!isCreate(operation) && { retry: 'same credential' }),
    };
  }
  if (error instanceof CallExpired) {
    return {
      outcome: 'not sent',
      isOutage: false,
      wasSent: false,
      refusal: new UpstreamUnavailable({ cause: error, retryAfterSeconds: 1, detail: LATE_DETAIL }),
      retry: 'another permit',
    };
  }
  if (error instanceof ForeignAnswer) {
    const isRepeatable = !isCreate(operation) && error.status >= 500;
    return {
      outcome: 'not from acs',
      isOutage: true,
      wasSent: true,
      refusal: isUnknownWithoutResponse(operation)
        ? new UpstreamOutcomeUnknown({ cause: error })
        : new UpstreamUnavailable({ cause: error, detail: FOREIGN_DETAIL }),
      ...(isRepeatable && { retry: 'same credential' }),
    };
  }
  if (error instanceof AbsentIdentity) {
    return {
      outcome: `status ${error.status}`,
      isOutage: false,
      wasSent: true,
      refusal: refusalOfAbsence(operation, error),
    };
  }
  if (error instanceof CredentialUnavailable) {
    const refusal = new UpstreamUnavailable({ cause: error });
    return { outcome: 'no credential', isOutage: false, wasSent: false, refusal };
  }
  if (error instanceof ForeignResource) {
    const refusal = new UpstreamResourceMismatch({ cause: error });
    return { outcome: 'another resource', isOutage: true, wasSent: true, refusal };
  }
  const fault = new AzureFault(error);
  const { status } = fault;
  if (status === undefined || status < 400) {
    return {
      outcome: 'senseless answer',
      isOutage: true,
      wasSent: true,
      refusal: isUnknownWithoutResponse(operation)
        ? new UpstreamOutcomeUnknown({ cause: fault })
        : new UpstreamUnavailable({ cause: fault }),
    };
  }
  return {
    outcome: `status ${status}`,
    isOutage: status >= 500,
    wasSent: true,
    ...failureOfStatus(status, operation, fault),
  };
}

/** What the caller gets after two attempts: a second one that ACS did not act on leaves open what the first did. */
export function refusalAfterRetry(first: Error, last: Error): Error {
  const isSettled =
    last instanceof TeamsPhoneAssignmentRefused ||
    last instanceof AbsentAssignment ||
    last instanceof UpstreamRequestRefused;
  return first instanceof UpstreamOutcomeUnknown && !isSettled ? first : last;
}

/** What ACS does not have: the identity of the call, or the assignment. */
function refusalOfAbsence(operation: AcsOperation, cause: Error): Error {
  if (operation === 'readAssignment' || operation === 'unassign') return new AbsentAssignment();
  if (operation === 'assign') return new TeamsPhoneAssignmentRefused({ cause });
  if (isClientExchange(operation)) return new AccessNotAssigned({ cause });
  // A create and an exchange are about no identity that ACS has.
  return isAboutIdentity(operation)
    ? new IdentityMissing({ cause })
    : new UpstreamRequestRefused({ cause });
}

function failureOfStatus(
  status: number,
  operation: AcsOperation,
  cause: AzureFault,
): Pick<UpstreamFailure, 'refusal' | 'retry' | 'throttled'> {
  const { code } = cause;
  if (status === 429) return throttledFailure(cause);
  if (status === 401 && code === 'IdentityNotOwned' && isAboutIdentity(operation)) {
    return { refusal: new IdentityNotOwned({ cause }) };
  }
  const isTeamsToken =
    operation === 'exchange' && (status === 400 || (status === 401 && code !== 'Denied'));
  if (isTeamsToken) return { refusal: new TeamsTokenRefused({ cause }) };
  if (isClientExchange(operation)) {
    // The user's token is valid for this service, so that a refusal is about what the user may do.
    if (status === 401) return { refusal: new EntraTokenRefused({ cause }) };
    if (status === 403 || status === 404) return { refusal: new AccessNotAssigned({ cause }) };
  }
  if (status === 401 || status === 403) {
    return { refusal: new UpstreamCredentialRefused({ cause }), retry: 'another credential' };
  }
  if (status === 404 && (operation === 'readAssignment' || operation === 'unassign')) {
    return { refusal: new AbsentAssignment() };
  }
  if (status < 500 && operation === 'assign') {
    return { refusal: new TeamsPhoneAssignmentRefused({ cause }) };
  }
  if (status < 500) return { refusal: new UpstreamRequestRefused({ cause }) };
  const refusal = new UpstreamUnavailable({ cause, ...retryAfterOf(cause) });
  // 503 means that nothing was done (RFC 9110, 15.6.4); after other statuses the change may have been.
  const isUnknown = status !== 503 && isUnknownWithoutResponse(operation);
  return {
    refusal: isUnknown ? new UpstreamOutcomeUnknown({ cause }) : refusal,
    ...(!isCreate(operation) && { retry: 'same credential' }),
  };
}
