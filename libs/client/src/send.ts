import { sleep, untilAborted } from './abort.js';
import { type AccessTokenRequest, accessTokenOf, type GetAccessToken } from './access-token.js';
import { ConnectionError } from './connection-error.js';
import { jsonObject, ProblemError } from './problem-error.js';

/** Attempts at most, those after a 401 not counted: there are two of them at most. */
const MAX_ATTEMPTS = 4;
/** Of an attempt, with the body of the response. */
const ATTEMPT_TIMEOUT_MS = 30_000;
/** No attempt starts later than this after the first. */
const MAX_TOTAL_MS = 90_000;
/** Added to every pause, at random, so that clients that were refused together do not return together. */
const MAX_JITTER_MS = 1_000;
/** The service closes a connection with it whose request did not arrive in time. */
const REQUEST_TIMED_OUT = 408;

/** How to reach the service. */
export interface Connection {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly getAccessToken: GetAccessToken;
  readonly fetch: typeof fetch;
}

/** A request of an operation. Every operation that is sent like this is safe to repeat. */
export interface OperationRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

/**
 * Sends a request, and repeats it while the service is busy or unavailable: after `Retry-After`, or
 * with increasing pauses without a response. After a 401 it requests a new access token, once with and
 * once without the claims of a challenge.
 *
 * @returns the JSON body of the response
 * @throws ProblemError, ConnectionError, the reason of the signal, or the error of `getAccessToken`
 */
export async function send(
  connection: Connection,
  request: OperationRequest,
  signal?: AbortSignal,
): Promise<object> {
  const start = performance.now();
  const renewals = new Set<string>();
  let accessToken = await newAccessToken(connection, {}, signal);
  for (let attempt = 1; ;) {
    const outcome = await attemptOnce(connection, request, accessToken, signal);
    if (!(outcome instanceof Error)) return outcome;
    const renewal = renewalAfter(outcome);
    if (renewal && !renewals.has(Object.keys(renewal).join())) {
      renewals.add(Object.keys(renewal).join());
      accessToken = await newAccessToken(connection, renewal, signal);
      continue;
    }
    const pause = pauseAfter(outcome, attempt);
    if (pause === undefined || attempt === MAX_ATTEMPTS) throw outcome;
    const pauseMs = pause + Math.random() * MAX_JITTER_MS;
    if (performance.now() - start + pauseMs > MAX_TOTAL_MS) throw outcome;
    await sleep(pauseMs, signal);
    attempt += 1;
  }
}

/** @returns the body, or a failure that may allow a repeat */
async function attemptOnce(
  { baseUrl, fetch }: Connection,
  { method, path, body }: OperationRequest,
  accessToken: string,
  signal: AbortSignal | undefined,
): Promise<object | ProblemError | ConnectionError> {
  const url = baseUrl + path;
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort(signal?.reason);
  };
  signal?.addEventListener('abort', abort);
  const timer = setTimeout(() => {
    controller.abort(
      new DOMException(`no response within ${ATTEMPT_TIMEOUT_MS} ms`, 'TimeoutError'),
    );
  }, ATTEMPT_TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    signal?.throwIfAborted();
    const sent = fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${accessToken}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'manual',
      signal: controller.signal,
    });
    response = await untilAborted(sent, controller.signal);
    text = await untilAborted(response.text(), controller.signal);
  } catch (error) {
    signal?.throwIfAborted();
    return new ConnectionError(url, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    return ProblemError.unexpected(response, 'a redirect');
  }
  if (!response.ok) return ProblemError.of(response, text);
  return jsonObject(text) ?? ProblemError.unexpected(response, 'not JSON');
}

async function newAccessToken(
  { getAccessToken }: Connection,
  request: AccessTokenRequest,
  signal: AbortSignal | undefined,
): Promise<string> {
  signal?.throwIfAborted();
  return untilAborted(
    accessTokenOf(getAccessToken, { ...request, ...(signal && { signal }) }),
    signal,
  );
}

function renewalAfter(error: Error): AccessTokenRequest | undefined {
  if (!(error instanceof ProblemError) || error.status !== 401) return undefined;
  return error.claims === undefined ? { forceRefresh: true } : { claims: error.claims };
}

/** @returns milliseconds; `undefined` when a repeat does not help */
function pauseAfter(error: Error, attempt: number): number | undefined {
  if (error instanceof ProblemError) {
    if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000;
    if (!error.isFromGateway && error.status !== REQUEST_TIMED_OUT) return undefined;
  }
  return 2 ** (attempt - 1) * 1000;
}
