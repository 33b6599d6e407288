import { AsyncLocalStorage } from 'node:async_hooks';
import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import { errorCode, noAnswerFrom, type OutboundHttp } from '#libs/platform';
import type { Dispatcher } from 'undici';
import { sendAzureRequest } from './send-azure-request.js';

/**
 * The options that every client of an Azure SDK gets. They keep the SDK's own proxy policy, whose rules
 * for the environment differ, from reading it; the HTTP client ignores the agent that the policy makes.
 */
export const OWN_PROXY_RULES = {
  proxyOptions: { host: 'http://unused.invalid', port: 9 },
} as const;

/** A request of an Azure SDK got no answer. The message names the server, `cause` is the network's error. */
export class NoAzureAnswer extends Error {
  /** Of the network error, as the SDKs read it. */
  readonly code: string | undefined;

  constructor(server: string, cause: unknown, isLate: boolean) {
    super(noAnswerFrom(server, cause, isLate), { cause });
    // The SDKs know an ended request by this name.
    this.name = isLate ? 'AbortError' : 'NoAzureAnswer';
    this.code = errorCode(cause);
  }

  /** The one among an error and its causes. */
  static among(error: unknown): NoAzureAnswer | undefined {
    for (let one = error; one instanceof Error; one = one.cause) {
      if (one instanceof NoAzureAnswer) return one;
    }
    return undefined;
  }
}

const failures = new AsyncLocalStorage<{ last?: unknown }>();

/** Adds the last network failure as the cause to an error that has none: MSAL drops it. */
export async function explainNetworkFailures<T>(work: () => Promise<T>): Promise<T> {
  const seen: { last?: unknown } = {};
  try {
    return await failures.run(seen, work);
  } catch (error) {
    if (error instanceof Error) error.cause ??= seen.last;
    throw error;
  }
}

/** Sends the requests of Azure's SDKs through the proxy, if there is one. */
export class AzureHttpClient implements HttpClient {
  readonly #dispatcher: Dispatcher;

  /** @param timeoutMs of a request whose caller sets no shorter one */
  constructor(
    outbound: OutboundHttp,
    private readonly timeoutMs: number,
    connectTimeoutMs = timeoutMs,
  ) {
    this.#dispatcher = outbound.dispatcher({ timeoutMs: connectTimeoutMs });
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const { url, timeout, allowInsecureConnection, abortSignal } = request;
    if (!allowInsecureConnection && !url.startsWith('https:'))
      throw new Error('not an https address');
    const limit = AbortSignal.timeout(
      timeout > 0 ? Math.min(timeout, this.timeoutMs) : this.timeoutMs,
    );
    // The SDK passes the AbortSignal that it was given, typed as its own interface.
    const given = abortSignal as AbortSignal | undefined;
    const signal = given === undefined ? limit : AbortSignal.any([limit, given]);
    try {
      return await sendAzureRequest(this.#dispatcher, request, signal);
    } catch (error) {
      const failure = new NoAzureAnswer(new URL(url).host, error, signal.aborted);
      const seen = failures.getStore();
      if (seen) seen.last = failure;
      throw failure;
    }
  }
}
