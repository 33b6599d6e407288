import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { SinkFault } from './sink.contract.js';

/** How a receiver fails. With `lose-answer` it takes the records and closes the connection instead of an answer. */
export type ReceiverFault =
  | 'hang'
  | 'die'
  | 'lose-answer'
  | { readonly status: number; readonly retryAfter?: string; readonly body?: string };

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface ReceiverAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What something between the service and its receiver answers, such as the sign-in page of a network. */
export const FOREIGN_ANSWER = { status: 200, body: '<html>Sign in</html>' } as const;

/** The faults of a sink as a receiver of HTTP has them. */
export const HTTP_FAULTS: Readonly<Record<SinkFault, ReceiverFault>> = {
  hang: 'hang',
  die: 'die',
  'lose-answer': 'lose-answer',
  error: { status: 503 },
  throttle: { status: 429, retryAfter: '7' },
  refuse: { status: 403 },
  'foreign-answer': FOREIGN_ANSWER,
};

/** An HTTP server in the place of a receiver. */
export class HttpTestReceiver {
  readonly requests: ReceivedRequest[] = [];
  /** Faults of the next requests, in this order. */
  readonly faults: ReceiverFault[] = [];
  readonly #server: Server;

  private constructor(
    private readonly answer: (request: ReceivedRequest) => ReceiverAnswer,
    private readonly tls: { readonly key: string; readonly cert: string } | undefined,
  ) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#serve(request, response);
    };
    this.#server = tls ? createTlsServer(tls, listener) : createServer(listener);
  }

  /** Starts on a free port of loopback. @param answer takes the records of a request */
  static async start(
    answer: (request: ReceivedRequest) => ReceiverAnswer,
    tls?: { readonly key: string; readonly cert: string },
  ): Promise<HttpTestReceiver> {
    const receiver = new HttpTestReceiver(answer, tls);
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.faults.shift();
    if (fault === 'die') {
      request.socket.destroy();
      return;
    }
    const { method = '', url: path = '', headers } = request;
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined || fault === 'hang') return;
    if (typeof fault === 'object') {
      const { status, retryAfter, body: answer = '{}' } = fault;
      response.writeHead(status, {
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
      });
      response.end(answer);
      return;
    }
    const received = { method, path, headers, body };
    this.requests.push(received);
    const answer = this.answer(received);
    if (fault === 'lose-answer') {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
  }
}
