import { AsyncLocalStorage } from 'node:async_hooks';
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { Agent, type Dispatcher } from 'undici';
import {
  AbsentIdentity,
  assertAnswerOfAcs,
  ForeignAnswer,
  saysIdentityIsMissing,
} from './foreign-answer.js';

/** The request got no response. */
export class NoResponse extends Error {
  override readonly name = 'NoResponse';

  /** @param wasSent false when the request certainly had no effect, because it was never sent */
  constructor(
    readonly wasSent: boolean,
    readonly code: string | undefined,
  ) {
    super(code ?? 'no response');
  }
}

/** The request was not sent: its call may no longer begin. */
export class CallExpired extends Error {
  override readonly name = 'CallExpired';
}

const startConditions = new AsyncLocalStorage<() => boolean>();

/**
 * Sends requests on a condition, which is read when a connection is about to send the first byte: there
 * may have been a long wait, or a pause of the process, since the call was planned.
 *
 * @throws CallExpired when the condition is false
 */
export async function sendIf<T>(mayStart: () => boolean, send: () => Promise<T>): Promise<T> {
  return startConditions.run(mayStart, send);
}

/** Bodies of ACS's identity API are a few kilobytes. */
const MAX_RESPONSE_BYTES = 1 << 20;

/**
 * Sends the Azure SDK's requests over keep-alive connections, one request at a time on each. Rejects
 * with `ForeignAnswer` when a response is not ACS's own.
 */
export class UndiciHttpClient implements HttpClient {
  readonly #agent: Agent;

  constructor(options: { connections: number; timeoutMs: number }) {
    const { connections, timeoutMs } = options;
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: timeoutMs },
      // The signal of the call is its deadline; these would fire before a late answer is read.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: MAX_RESPONSE_BYTES,
    });
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const progress = { hasStarted: false, mayStart: startConditions.getStore() };
    try {
      const { pathname, search, origin } = new URL(request.url);
      const response = await this.#agent.compose(observeStart(progress)).request({
        origin,
        path: pathname + search,
        method: request.method,
        headers: request.headers.toJSON(),
        body: textOf(request.body),
        // The SDK passes the AbortSignal that it was given, typed as its own interface.
        signal: (request.abortSignal as AbortSignal | undefined) ?? null,
      });
      const bodyAsText = await response.body.text();
      const headers = createHttpHeaders();
      for (const [name, value] of Object.entries(response.headers)) {
        if (value !== undefined) headers.set(name, String(value));
      }
      const answer = { request, status: response.statusCode, headers, bodyAsText };
      assertAnswerOfAcs(request, answer);
      const isAbsence = answer.status === 404 || answer.status === 410;
      if (isAbsence && saysIdentityIsMissing(request, answer)) {
        throw new AbsentIdentity(answer.status);
      }
      return answer;
    } catch (error) {
      const isClassified =
        error instanceof ForeignAnswer ||
        error instanceof AbsentIdentity ||
        error instanceof CallExpired;
      if (isClassified) throw error;
      throw new NoResponse(progress.hasStarted, codeOf(error));
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/**
 * Records that a connection started to send the request: before that it can't have had an effect.
 * Rejects instead of starting when it may not.
 */
function observeStart(progress: {
  hasStarted: boolean;
  mayStart: (() => boolean) | undefined;
}): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        if (progress.mayStart?.() === false) throw new CallExpired();
        progress.hasStarted = true;
        handler.onRequestStart?.(controller, context);
      },
      onResponseStart: (...parts) => handler.onResponseStart?.(...parts),
      onResponseData: (...parts) => handler.onResponseData?.(...parts),
      onResponseEnd: (...parts) => handler.onResponseEnd?.(...parts),
      onResponseError: (...parts) => handler.onResponseError?.(...parts),
    });
}

function textOf(body: PipelineRequest['body']): string | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return body;
  throw new TypeError('the body of a request must be text');
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
