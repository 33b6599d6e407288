import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRequest, Faults } from './faults.js';
import { azureError, HttpError } from './http-error.js';
import type { Journal, ServiceName } from './journal.js';
import type { Route, ServiceReply, ServiceRequest } from './route.js';
import { isErrorCode } from './state-folder.js';

/** What a server serves, and how. */
export interface ServiceServerOptions {
  readonly service: ServiceName;
  readonly routes: readonly Route[];
  readonly faults: Faults;
  readonly journal: Journal;
  /** Absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Headers of every response. */
  readonly headersFor?: (request: ServiceRequest, startedAtMs: number) => Record<string, string>;
  /** The default target of `redirect` faults. */
  readonly redirectTo: () => string;
  /** Whether requests of an operation are journaled. Default: all are. */
  readonly isJournaled?: (operation: string) => boolean;
}

const MAX_BODY_BYTES = 1024 * 1024;
const DEFAULT_OVERSIZED_BYTES = 50 * 1024 * 1024;

/** The HTTP server of one emulated service: applies faults, dispatches to routes, keeps the journal. */
export class ServiceServer {
  readonly #server: Server;
  readonly #stopping = new AbortController();

  constructor(private readonly options: ServiceServerOptions) {
    const listener: RequestListener = (incoming, response) => {
      this.#serve(incoming, response).catch((error: unknown) => {
        const isHangUp = isErrorCode(error, 'ECONNRESET') || this.#stopping.signal.aborted;
        if (!isHangUp) console.error(error);
        response.destroy();
      });
    };
    this.#server =
      options.tls === undefined
        ? createHttpServer(listener)
        : createHttpsServer(options.tls, listener);
    this.#server.keepAliveTimeout = 65_000;
  }

  /** @returns the bound port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address is bound');
    return address.port;
  }

  /** From now on new connections get this certificate. Nothing happens on plain HTTP. */
  setCertificate(certificate: { readonly key: string; readonly cert: string }): void {
    if (this.#server instanceof HttpsServer) this.#server.setSecureContext(certificate);
  }

  /** Closes the TLS connections that no request uses. */
  endIdleConnections(): void {
    if (this.#server instanceof HttpsServer) this.#server.closeIdleConnections();
  }

  /** Closes the server at once, including open connections. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) =>
      this.#server.close(() => {
        resolve();
      }),
    );
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAtMs = performance.now();
    const target = incoming.url ?? '/';
    const queryAt = target.indexOf('?');
    const path = queryAt === -1 ? target : target.slice(0, queryAt);
    const method = incoming.method ?? 'GET';
    const { route, params } = this.#find(method, path);
    const body = await readBody(incoming);
    const request: ServiceRequest = {
      method,
      target,
      path,
      query: new URLSearchParams(queryAt === -1 ? '' : target.slice(queryAt + 1)),
      headers: incoming.headers,
      body: body ?? Buffer.alloc(0),
      params,
      requestId: randomUUID(),
    };
    const operation = route?.operation ?? 'unknown';
    const matches = this.options.faults.matches(this.options.service, operation);
    const record = (status: number | undefined): void => {
      if (this.options.isJournaled?.(operation) === false) return;
      this.options.journal.add({
        at: new Date().toISOString(),
        service: this.options.service,
        operation,
        method,
        path,
        requestId: request.requestId,
        ...(typeof incoming.headers.traceparent === 'string' && {
          traceparent: incoming.headers.traceparent,
        }),
        ...(status === undefined ? {} : { status }),
        ...(request.caller === undefined ? {} : { caller: request.caller }),
        ...(matches.length === 0 ? {} : { fault: matches.map(({ kind }) => kind).join('+') }),
      });
    };

    for (const fault of matches) {
      if (fault.kind === 'latency') await this.#wait(fault.latencyMs ?? 1000);
    }
    const fault = matches.find(({ kind }) => kind !== 'latency');
    if (fault?.kind === 'reset') {
      record(undefined);
      incoming.socket.destroy();
      return;
    }
    if (fault?.kind === 'hang') {
      record(undefined);
      return;
    }
    if (fault?.kind === 'oversized') {
      record(200);
      await sendOversized(response, fault.sizeBytes ?? DEFAULT_OVERSIZED_BYTES);
      return;
    }
    const reply =
      body === undefined
        ? { status: 413, body: azureError('RequestEntityTooLarge', 'The body is too large.') }
        : await this.#answer(route, request, fault);
    if (fault?.kind === 'reply-lost') {
      record(undefined);
      incoming.socket.destroy();
      return;
    }
    record(reply.status);
    send(response, reply, this.options.headersFor?.(request, startedAtMs));
  }

  async #answer(
    route: Route | undefined,
    request: ServiceRequest,
    fault: FaultRequest | undefined,
  ): Promise<ServiceReply> {
    if (fault?.kind === 'status') {
      const status = fault.status ?? 503;
      const body = fault.body ?? azureError('InjectedFault', `Injected status ${status}.`);
      return { status, body, ...(fault.headers === undefined ? {} : { headers: fault.headers }) };
    }
    if (fault?.kind === 'redirect') {
      return { status: 302, headers: { location: fault.location ?? this.options.redirectTo() } };
    }
    const reply = await this.#handle(route, request);
    if (fault?.kind !== 'malformed') return reply;
    const text = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body);
    return {
      status: reply.status === 204 ? 200 : reply.status,
      headers: { 'content-type': 'application/json', ...fault.headers },
      body: fault.body === undefined ? '{"truncated": "by a fault' : text,
    };
  }

  async #handle(route: Route | undefined, request: ServiceRequest): Promise<ServiceReply> {
    if (route === undefined) {
      return { status: 404, body: azureError('NotFound', 'There is no such operation.') };
    }
    try {
      return await route.handle(request);
    } catch (error) {
      if (error instanceof HttpError) return error.reply;
      console.error(error);
      return { status: 500, body: azureError('InternalServerError', 'The emulator failed.') };
    }
  }

  #find(method: string, path: string): { route?: Route; params: string[] } {
    for (const route of this.options.routes) {
      if (route.method !== method) continue;
      const match = route.path.exec(path);
      if (match === null) continue;
      try {
        // A group that matched nothing is `undefined`, against its type.
        const parts: readonly (string | undefined)[] = match.slice(1);
        return { route, params: parts.map((part) => decodeURIComponent(part ?? '')) };
      } catch {
        return { params: [] };
      }
    }
    return { params: [] };
  }

  async #wait(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: this.#stopping.signal, ref: false });
  }
}

/** @returns `undefined` for a body of more than 1 MiB. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
}

function send(
  response: ServerResponse,
  reply: ServiceReply,
  common: Record<string, string> | undefined,
): void {
  const isText = typeof reply.body === 'string';
  const text = isText ? reply.body : JSON.stringify(reply.body);
  const headers: Record<string, string | number> = { ...common };
  if (reply.body !== undefined && !isText) {
    headers['content-type'] = 'application/json; charset=utf-8';
  }
  Object.assign(headers, reply.headers);
  if (reply.body !== undefined) headers['content-length'] = Buffer.byteLength(text);
  response.writeHead(reply.status, headers);
  response.end(reply.body === undefined ? undefined : text);
}

async function sendOversized(response: ServerResponse, sizeBytes: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  try {
    await pipeline(Readable.from(padding(sizeBytes)), response);
  } catch {
    // The client closed the connection, as it should.
  }
}

function* padding(sizeBytes: number): Generator<string> {
  const chunk = 'a'.repeat(64 * 1024);
  yield '{"padding":"';
  for (let sent = 0; sent < sizeBytes; sent += chunk.length) yield chunk;
  yield '"}';
}
