import { noAnswerFrom, retryAfterMs } from '#libs/platform';
import { NoAzureAnswer } from '../azure-http/azure-http-client.js';

/** Azure's limits count by the minute at most; a proxy on the way may say anything. */
const MAX_RETRY_AFTER_SECONDS = 300;

/**
 * The name, codes and status of an error of an Azure SDK.
 *
 * Used as `cause` in place of the SDK's error, which may contain requests, responses and connection
 * strings, also in its message.
 */
export class AzureFault extends Error {
  /** HTTP status of the response; absent when there was none. */
  readonly status: number | undefined;
  /** Code in the body of the response, or of the network error. */
  readonly code: string | undefined;
  /** Code inside `code`, such as Key Vault's `SecretDisabled`. */
  readonly innerCode: string | undefined;
  /** `Retry-After` of the response in seconds, 300 at most. */
  readonly retryAfterSeconds: number | undefined;

  /** @param server which was called, if the error does not name it */
  constructor(error: unknown, server?: string) {
    const status = numberAt(error, 'statusCode');
    const code = codeAt(error, 'code') ?? codeAt(valueAt(error, 'cause'), 'code');
    const kind = error instanceof Error ? error.name : typeof error;
    const isLate = kind === 'TimeoutError' && server !== undefined;
    const noAnswer = isLate
      ? noAnswerFrom(server, error, isLate)
      : NoAzureAnswer.among(error)?.message;
    const problem = noAnswer ?? signInProblem(error);
    const parts = [kind, code, status].filter((part) => part !== undefined).join(' ');
    const host = noAnswer === undefined ? (hostOf(error) ?? server) : undefined;
    const what = host === undefined ? parts : `${host}: ${parts}`;
    super(problem === undefined ? what : `${what}: ${problem}`);
    this.name = 'AzureFault';
    this.status = status;
    this.code = code;
    this.innerCode = innerCodeOf(valueAt(error, 'details'));
    this.retryAfterSeconds = retryAfterOf(error);
  }
}

/** Of the request that was answered with an error. */
function hostOf(error: unknown): string | undefined {
  const url = valueAt(valueAt(error, 'request'), 'url');
  return typeof url === 'string' ? URL.parse(url)?.host : undefined;
}

function valueAt(holder: unknown, key: string): unknown {
  return typeof holder === 'object' && holder !== null && key in holder
    ? (holder as Record<string, unknown>)[key] // narrowed to an object that has the key
    : undefined;
}

function numberAt(holder: unknown, key: string): number | undefined {
  const value = valueAt(holder, key);
  return typeof value === 'number' ? value : undefined;
}

/** Accepts only text that has the form of a code, because any other text may contain a secret. */
function codeAt(holder: unknown, key: string): string | undefined {
  const value = valueAt(holder, key);
  return typeof value === 'string' && /^[A-Za-z]\w{0,63}$/.test(value) ? value : undefined;
}

function innerCodeOf(details: unknown): string | undefined {
  const error = valueAt(details, 'error');
  return (
    codeAt(valueAt(error, 'innererror'), 'code') ?? codeAt(valueAt(error, 'innerError'), 'code')
  );
}

function retryAfterOf(error: unknown): number | undefined {
  const headers = valueAt(valueAt(error, 'response'), 'headers');
  const get = valueAt(headers, 'get');
  if (typeof get !== 'function') return undefined;
  const text: unknown = get.call(headers, 'retry-after');
  const waitMs = typeof text === 'string' ? retryAfterMs(text, Date.now()) : undefined;
  return waitMs === undefined
    ? undefined
    : Math.min(Math.ceil(waitMs / 1_000), MAX_RETRY_AFTER_SECONDS);
}

/** The message of a failed sign-in, without tokens. An operator can't diagnose one by its code. */
function signInProblem(error: unknown): string | undefined {
  const isSignIn =
    error instanceof Error && /Authentication|CredentialUnavailable/.test(error.name);
  return isSignIn ? error.message.replace(/eyJ[\w.-]+/g, '[masked]').slice(0, 500) : undefined;
}
