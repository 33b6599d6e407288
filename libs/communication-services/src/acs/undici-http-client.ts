import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { Agent, type Dispatcher } from 'undici';

/** No usable answer came. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';

  /** @param wasSent false: the request certainly never left, so that it had no effect */
  constructor(
    readonly wasSent: boolean,
    readonly code: string | undefined,
  ) {
    super(code ?? 'no answer');
  }
}

/** A body of this interface is a few kilobytes; whatever is longer is no answer of it. */
const LONGEST_ANSWER_BYTES = 1 << 20;

/** Carries the Azure SDK's requests over kept connections, one request at a time on each. */
export class UndiciHttpClient implements HttpClient {
  readonly #agent: Agent;

  constructor(options: { connections: number; timeoutMs: number }) {
    const { connections, timeoutMs } = options;
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: LONGEST_ANSWER_BYTES,
    });
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const sending = { hasStarted: false };
    try {
      const { pathname, search, origin } = new URL(request.url);
      const answer = await this.#agent.compose(noticing(sending)).request({
        origin,
        path: pathname + search,
        method: request.method,
        headers: request.headers.toJSON(),
        body: textOf(request.body),
        // The SDK passes on the very signal that it was given, which is a real one.
        signal: (request.abortSignal as AbortSignal | undefined) ?? null,
      });
      const bodyAsText = await answer.body.text();
      const headers = createHttpHeaders();
      for (const [name, value] of Object.entries(answer.headers)) {
        if (value !== undefined) headers.set(name, String(value));
      }
      return { request, status: answer.statusCode, headers, bodyAsText };
    } catch (error) {
      throw new NoAnswer(sending.hasStarted, codeOf(error));
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Notes the moment when a connection takes the request: before it, nothing can have left. */
function noticing(sending: { hasStarted: boolean }): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        sending.hasStarted = true;
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
  throw new TypeError('only text can be sent');
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
