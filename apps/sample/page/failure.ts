import { ConnectionError, type ProblemDetails, ProblemError } from '@acs-identity/client';
import {
  AuthError,
  BrowserAuthErrorCodes,
  InteractionRequiredAuthError,
} from '@azure/msal-browser';

/** Entra did not answer. */
const NETWORK_ERRORS: readonly string[] = [
  BrowserAuthErrorCodes.noNetworkConnectivity,
  BrowserAuthErrorCodes.postRequestFailed,
  BrowserAuthErrorCodes.getRequestFailed,
];

/** A failure as the page shows it. */
export interface Failure {
  readonly title: string;
  readonly detail: string;
  /** Names and values for a report to the operators. */
  readonly facts: readonly (readonly [string, string])[];
  /** What helps; absent when nothing does. */
  readonly remedy?: 'repeat' | 'sign-in';
  /** In ms of the epoch: a repeat helps from then on. */
  readonly repeatAt?: number;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof ProblemError) {
    const failure = failureOfProblem(error.problem, error.status);
    const seconds = error.retryAfterSeconds;
    if (error.status === 401) return { ...failure, remedy: 'sign-in' };
    if (seconds === undefined) return failure;
    return { ...failure, remedy: 'repeat', repeatAt: Date.now() + seconds * 1000 };
  }
  if (error instanceof ConnectionError) {
    const title = 'The identity service does not answer';
    return { title, detail: error.message, facts: [], remedy: 'repeat' };
  }
  if (error instanceof AuthError) {
    const [detail, facts] = [error.errorMessage, factsOf(error)];
    if (NETWORK_ERRORS.includes(error.errorCode)) {
      return { title: 'Entra ID does not answer', detail, facts, remedy: 'repeat' };
    }
    const title = titleOf(error);
    return { title, detail, facts, remedy: 'sign-in' };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { title: 'Something went wrong', detail, facts: [], remedy: 'repeat' };
}

export function failureOfProblem(problem: ProblemDetails, status: number): Failure {
  const { title, detail, type, requestId } = problem;
  return {
    title,
    detail,
    facts: [
      ['Status', String(status)],
      ['Type', type],
      ['Request', requestId],
    ],
  };
}

/** Entra wants the person to sign in, by other means than before or anew, or it has another reason. */
function titleOf(error: AuthError): string {
  if (error.errorCode === 'interaction_required') return 'Another sign-in is needed';
  const needsSignIn =
    error instanceof InteractionRequiredAuthError || error.errorCode === 'invalid_grant';
  return needsSignIn ? 'Your sign-in has ended' : 'Entra ID gave no token';
}

function factsOf({ errorCode, correlationId }: AuthError): Failure['facts'] {
  return [
    ['Error', errorCode],
    ['Correlation id', correlationId],
  ];
}
