/**
 * What may be told of an error that an Azure SDK threw: its kind, codes and status.
 *
 * The SDK's own error can hold requests, answers and connection strings, also in its message, so it
 * never becomes a `cause` itself.
 */
export class AzureFault extends Error {
  /** HTTP status of the answer, where there was one. */
  readonly status: number | undefined;
  /** The service's own code of its error body, or the code of the network's error. */
  readonly code: string | undefined;
  /** Codes inside the service's code, such as Key Vault's `SecretDisabled`. */
  readonly innerCode: string | undefined;
  /** Seconds of the answer's `Retry-After`; its date form counts as none. */
  readonly retryAfterSeconds: number | undefined;

  constructor(error: unknown) {
    const status = numberAt(error, 'statusCode');
    const code = codeAt(error, 'code') ?? codeAt(valueAt(error, 'cause'), 'code');
    const kind = error instanceof Error ? error.name : typeof error;
    super(
      [kind, code, status, signInProblem(error)].filter((part) => part !== undefined).join(' '),
    );
    this.name = 'AzureFault';
    this.status = status;
    this.code = code;
    this.innerCode = innerCodeOf(valueAt(error, 'details'));
    this.retryAfterSeconds = retryAfterOf(error);
  }
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

/** Only what looks like a code passes: whatever else stands there may be anything. */
function codeAt(holder: unknown, key: string): string | undefined {
  const value = valueAt(holder, key);
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined;
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
  if (typeof text !== 'string' || !/^\d{1,6}$/.test(text)) return undefined;
  return Number(text);
}

/** Why Azure gave this process no credential: the one thing an operator can't guess from a code. */
function signInProblem(error: unknown): string | undefined {
  const isSignIn =
    error instanceof Error && /Authentication|CredentialUnavailable/.test(error.name);
  return isSignIn ? error.message.replace(/eyJ[\w.-]+/g, '[masked]').slice(0, 500) : undefined;
}
