import { AsyncLocalStorage } from 'node:async_hooks';
import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { Dispatcher } from 'undici';
import { ProxyFailure } from '#libs/platform';
import { sendAzureRequest } from '#libs/secrets';
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
    cause?: ProxyFailure,
  ) {
    super(code ?? 'no response', cause && { cause });
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

/** Sends the Azure SDK's requests. Rejects with `ForeignAnswer` when a response is not ACS's own. */
export class UndiciHttpClient implements HttpClient {
  constructor(private readonly dispatcher: Dispatcher) {}

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const progress = { hasStarted: false, mayStart: startConditions.getStore() };
    try {
      const answer = await sendAzureRequest(
        this.dispatcher.compose(observeStart(progress)),
        request,
        // The SDK passes the AbortSignal that it was given, typed as its own interface.
        (request.abortSignal as AbortSignal | undefined) ?? null,
      );
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
      throw new NoResponse(progress.hasStarted, codeOf(error), ProxyFailure.among(error));
    }
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
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

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
