import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '#libs/platform';
import type { Witness } from './witness.js';

/** A checkpoint with sixteen signatures and the longest proof has less. */
const MAX_BODY_BYTES = 64 * 1024;
interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

const MAX_CONNECTIONS = 256;
const REQUEST_TIMEOUT_MS = 10_000;
const PATH = '/add-checkpoint';

/** Serves a witness over HTTP: `POST /add-checkpoint` and nothing else. TLS is the work of a proxy. */
export class WitnessServer {
  readonly #server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      void this.#answer(request, response);
    },
  );

  constructor(
    private readonly witness: Pick<Witness, 'addCheckpoint'>,
    private readonly logger: Logger,
  ) {
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @param port 0 for any free one. @returns the address */
  async listen(port: number, host: string): Promise<string> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    const { address, family, port: actual } = this.#server.address() as AddressInfo; // of TCP
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`;
  }

  /** Answers the requests that have begun, then closes every connection. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#answerTo(request);
      if (answer.status === 405) response.setHeader('allow', 'POST');
      end(request, response, answer);
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      this.logger.error({ error }, 'request failed');
      end(request, response, { status: 500, body: 'the witness could not answer\n' });
    }
  }

  async #answerTo(request: IncomingMessage): Promise<Answer> {
    if (request.url !== PATH) return { status: 404, body: 'not found\n' };
    if (request.method !== 'POST') return { status: 405, body: 'use POST\n' };
    const body = await bodyOf(request);
    if (body === undefined) return { status: 413, body: 'the request is too long\n' };
    return this.witness.addCheckpoint(body);
  }
}

function end(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, contentType = 'text/plain; charset=utf-8' }: Answer,
): void {
  if (!request.complete) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(body);
}

/** @returns `undefined` for a body that is too long */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
