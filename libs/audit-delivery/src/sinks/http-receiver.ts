import type { Dispatcher } from 'undici';
import { type Clock, noAnswerFrom, type OutboundHttp, retryAfterMs } from '#libs/platform';
import { SinkFailure, type SinkFailureKind } from '../delivery/sink.js';

export interface HttpReceiverOptions {
  readonly outbound: OutboundHttp;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  /** Of the receiver. */
  readonly host: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface HttpMessage {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const MAX_ANSWER_BYTES = 4 << 20;

/** A receiver of HTTP requests. Redirects are not followed: they would take credentials elsewhere. */
export class HttpReceiver {
  readonly #dispatcher: Dispatcher;

  constructor(private readonly options: HttpReceiverOptions) {
    this.#dispatcher = options.outbound.dispatcher({
      timeoutMs: options.timeoutMs,
      connections: 1,
      maxResponseBytes: MAX_ANSWER_BYTES,
    });
  }

  /** @throws SinkFailure when there is no answer */
  async request(message: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
    const { origin, host, pathname, search } = new URL(message.url);
    try {
      const { statusCode, headers, body } = await this.#dispatcher.request({
        origin,
        path: pathname + search,
        method: message.method,
        headers: { 'user-agent': 'acs-identity', ...message.headers },
        body: message.body ?? null,
        signal,
      });
      return { host, status: statusCode, headers, text: await body.text() };
    } catch (error) {
      throw unanswered(host, error, signal);
    }
  }

  /** @param code of the receiver's own, if it gives one: a word, never a text */
  failureOf({ host, status, headers }: HttpAnswer, code?: string | number): SinkFailure {
    const value = headers['retry-after'];
    const text = Array.isArray(value) ? value[0] : value;
    const own =
      code === undefined
        ? ''
        : ` (${String(code)
            .replaceAll(/[^\w.-]/g, '')
            .slice(0, 64)})`;
    return new SinkFailure(kindOf(status), `${host} answered ${status}${own}`, {
      retryAfterMs: retryAfterMs(text, this.options.clock.now()),
    });
  }
}

/** A success of something else, such as a sign-in page of a network: nothing is confirmed. @param of whom it is not */
export function foreignAnswer({ host, status }: HttpAnswer, of: string): SinkFailure {
  return new SinkFailure(
    'unavailable',
    `${host} answered ${status} with what is not an answer of ${of}: look at what is between`,
  );
}

/** Why no answer came. @param server host and port */
export function unanswered(server: string, error: unknown, signal: AbortSignal): SinkFailure {
  return new SinkFailure('unavailable', noAnswerFrom(server, error, signal.aborted));
}

export function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300;
}

/** @param status 2xx as well, where the answer is not the receiver's confirmation */
export function kindOf(status: number): SinkFailureKind {
  if (status === 429) return 'throttled';
  if (status >= 500 || status < 300 || status === 408 || status === 425) return 'unavailable';
  return status === 400 || status === 413 || status === 422 ? 'rejected' : 'refused';
}
