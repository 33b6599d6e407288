import { AzureFault } from '#libs/secrets';
import type { AcsOperation } from '#libs/request-budget';
import {
  IdentityMissing,
  IdentityNotOwned,
  TeamsTokenRefused,
  UpstreamCredentialRefused,
  UpstreamOutcomeUnknown,
  UpstreamRequestRefused,
  UpstreamThrottled,
  UpstreamUnavailable,
} from '../errors.js';
import { NoAnswer } from './undici-http-client.js';

/** One attempt to call ACS that failed, and what may be done about it. */
export interface UpstreamFailure {
  /** What the caller gets when nothing is done. */
  readonly refusal: Error;
  /** For metrics: a few fixed words. */
  readonly outcome: string;
  /** Absent: final. */
  readonly remedy?: 'repeat' | 'renew credential';
  /** ACS refused the call for its limits. */
  readonly throttled?: { readonly retryAfterSeconds?: number };
  /** Tells that ACS itself is in trouble, not this one call. */
  readonly isOutage: boolean;
}

const FALLBACK_RETRY_AFTER_SECONDS = 5;

/** A 2xx answer whose content makes no sense. */
export class SenselessAnswer extends Error {
  override readonly name = 'SenselessAnswer';
}

/** Azure gave this process no token for ACS, so that nothing was sent. */
export class NoCredential extends Error {
  override readonly name = 'NoCredential';

  constructor(readonly fault: AzureFault) {
    super(fault.message);
  }
}

/** Reads what went wrong. Nothing of the answer but its codes is kept: a body may hold a token. */
export function upstreamFailure(operation: AcsOperation, error: unknown): UpstreamFailure {
  const fault = new AzureFault(error);
  const isCreate = operation === 'create' || operation === 'createWithToken';
  if (error instanceof NoAnswer) {
    const cause = error;
    return {
      outcome: 'no answer',
      isOutage: true,
      refusal:
        isCreate && error.wasSent
          ? new UpstreamOutcomeUnknown({ cause })
          : new UpstreamUnavailable({ cause }),
      ...(!isCreate && { remedy: 'repeat' }),
    };
  }
  if (error instanceof NoCredential) {
    const refusal = new UpstreamUnavailable({ cause: error.fault });
    return { outcome: 'no credential', isOutage: false, refusal };
  }
  const { status } = fault;
  if (status === undefined || status < 400) return senseless(isCreate, fault);
  return {
    outcome: `status ${status}`,
    isOutage: status >= 500,
    ...byStatus(operation, isCreate, fault),
  };
}

function byStatus(
  operation: AcsOperation,
  isCreate: boolean,
  cause: AzureFault,
): Pick<UpstreamFailure, 'refusal' | 'remedy' | 'throttled'> {
  const { status = 0, code, retryAfterSeconds } = cause;
  if (status === 429) {
    const waitSeconds = Math.max(1, retryAfterSeconds ?? FALLBACK_RETRY_AFTER_SECONDS);
    return {
      refusal: new UpstreamThrottled({ cause, retryAfterSeconds: waitSeconds }),
      throttled: retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
    };
  }
  if (status === 401 && code === 'IdentityNotOwned')
    return { refusal: new IdentityNotOwned({ cause }) };
  const isTeamsToken =
    operation === 'exchange' && (status === 400 || (status === 401 && code !== 'Denied'));
  if (isTeamsToken) return { refusal: new TeamsTokenRefused({ cause }) };
  if (status === 401 || status === 403) {
    return { refusal: new UpstreamCredentialRefused({ cause }), remedy: 'renew credential' };
  }
  if (status === 404 || status === 410) return { refusal: new IdentityMissing({ cause }) };
  if (status < 500) return { refusal: new UpstreamRequestRefused({ cause }) };
  // 503 says that nothing was done (RFC 9110, 15.6.4); after any other the create may have happened.
  if (isCreate && status !== 503) return { refusal: new UpstreamOutcomeUnknown({ cause }) };
  const refusal = new UpstreamUnavailable({
    cause,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds: Math.max(1, retryAfterSeconds) }),
  });
  return isCreate ? { refusal } : { refusal, remedy: 'repeat' };
}

function senseless(isCreate: boolean, cause: AzureFault): UpstreamFailure {
  return {
    outcome: 'senseless answer',
    isOutage: true,
    refusal: isCreate ? new UpstreamOutcomeUnknown({ cause }) : new UpstreamUnavailable({ cause }),
  };
}
