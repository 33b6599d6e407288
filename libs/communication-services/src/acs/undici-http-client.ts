import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingHttpHeaders } from 'node:http';
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import type { Dispatcher } from 'undici';
import { errorCode, noAnswerFrom, ProxyFailure } from '#libs/platform';
import { AbsentIdentity, assertAnswerOfAcs, saysIdentityIsMissing } from './foreign-answer.js';

/** The request got no response. */
export class NoResponse extends Error {
  override readonly name = 'NoResponse';

  /** @param wasSent false when the request certainly had no effect, because it was never sent */
  constructor(
    readonly wasSent: boolean,
    readonly code: string | undefined,
    message: string,
    cause?: ProxyFailure,
  ) {
    super(message, cause && { cause });
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
    const body = textOf(request.body);
    const exchange = new Exchange(
      targetOf(request.url).origin,
      startConditions.getStore(),
      // The SDK passes the AbortSignal that it was given, typed as its own interface.
      request.abortSignal as AbortSignal | undefined,
    );
    this.dispatcher.dispatch(
      {
        ...targetOf(request.url),
        method: request.method,
        headers: request.headers.toJSON(),
        body,
      },
      exchange,
    );
    const { status, headers, text } = await exchange.answered;
    const answer = { request, status, headers: createHttpHeaders(headers), bodyAsText: text };
    assertAnswerOfAcs(request, answer);
    const isAbsence = status === 404 || status === 410;
    if (isAbsence && saysIdentityIsMissing(request, answer)) throw new AbsentIdentity(status);
    return answer;
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
}

/**
 * One request and its response, as undici reports them. It knows whether a connection started to send the
 * request, because before that it can't have had an effect, and does not let it start when it may not.
 */
class Exchange implements Dispatcher.DispatchHandler {
  /** Rejects with `CallExpired` or `NoResponse`. */
  readonly answered: Promise<Answer>;
  readonly #settle = Promise.withResolvers<Answer>();
  readonly #headers: Record<string, string> = {};
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;

  constructor(
    private readonly origin: string,
    private readonly mayStart: (() => boolean) | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.answered = this.#settle.promise;
    if (signal?.aborted === true) this.#abort();
    else signal?.addEventListener('abort', this.#abort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.signal?.aborted === true || this.mayStart?.() === false) throw new CallExpired();
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return; // informational: the response follows
    this.#status = status;
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) this.#headers[name] = String(value);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.signal?.removeEventListener('abort', this.#abort);
    const text = UTF8.decode(joined(this.#chunks));
    this.#settle.resolve({ status: this.#status, headers: this.#headers, text });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.signal?.removeEventListener('abort', this.#abort);
    this.#settle.reject(error instanceof CallExpired ? error : this.#noResponse(error));
  }

  readonly #abort = (): void => {
    const reason: unknown = this.signal?.reason;
    this.#settle.reject(this.#noResponse(reason));
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted'));
  };

  #noResponse(cause: unknown): NoResponse {
    const isLate = this.signal?.aborted === true;
    return new NoResponse(
      this.#controller !== undefined,
      codeOf(cause),
      noAnswerFrom(new URL(this.origin).host, cause, isLate),
      ProxyFailure.among(cause),
    );
  }
}

/** As `fetch` decodes a body. */
const UTF8 = new TextDecoder();

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first && chunks.length === 1 ? first : Buffer.concat(chunks);
}

/** The parts of a URL that the SDK has put together, without parsing it again. */
export function targetOf(url: string): { readonly origin: string; readonly path: string } {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  return start === -1
    ? { origin: url, path: '/' }
    : { origin: url.slice(0, start), path: url.slice(start) };
}

function textOf(body: PipelineRequest['body']): string | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return body;
  throw new TypeError('the body of a request must be text');
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return errorCode(error) ?? error.name;
}
