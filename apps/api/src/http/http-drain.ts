import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { httpSettings, type HttpSettings } from '#libs/composition';
import { Logger, ReadinessChecks } from '#libs/platform';
import { onClosed } from './on-closed.js';
import { ServiceStopping } from './request-errors.js';

/** How long a response that is being streamed may continue at most. */
const STREAM_TIMEOUT_MS = 5_000;
/** Time in which an import reports what it has done, after its stream was stopped. */
const STREAM_END_MS = 2_000;
/** How long a request may continue whose body has not arrived: nothing has begun for it. */
const BODY_TIMEOUT_MS = 2_000;
const CHECK_INTERVAL_MS = 20;

/**
 * The first part of a shutdown: ends the requests while everything that serves them still works.
 *
 * Not ready, then no new connections, then every response carries `Connection: close`, then waits until
 * each request is answered and each handler has returned, also those whose callers have gone. Streams
 * end early: their readers can resume.
 */
@Injectable()
export class HttpDrain {
  readonly #open = new Map<Socket, Set<ServerResponse>>();
  /** Responses of requests that a handler has got, and whose body may be read by it. */
  readonly #handled = new WeakSet<ServerResponse>();
  readonly #onReturned = new WeakMap<ServerResponse, () => void>();
  readonly #streams = new AbortController();
  #server: FastifyInstance['server'] | undefined;
  #runningCount = 0;
  #drained: Promise<void> | undefined;
  #isComplete = true;

  constructor(
    private readonly readiness: ReadinessChecks,
    private readonly logger: Logger,
    @Inject(httpSettings.key) private readonly settings: HttpSettings,
  ) {}

  /** Aborts when streams have to end at the next boundary of their content. */
  get streamSignal(): AbortSignal {
    return this.#streams.signal;
  }

  /** False when requests had to be cut off. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Call it before routes are added: their handlers are counted. */
  attach(server: FastifyInstance): void {
    this.#server = server.server;
    server.addHook('onRequest', (_request, reply, done) => {
      this.#add(reply.raw);
      done();
    });
    server.addHook('onRoute', (route) => {
      route.handler = this.#counting(route.handler);
    });
  }

  /** Calls back once, when the handler of a request has returned, which may be after its caller has gone. */
  onReturned(response: ServerResponse, callback: () => void): void {
    this.#onReturned.set(response, callback);
  }

  /** Counts a handler until it has returned. */
  #counting(handler: RouteHandlerMethod): RouteHandlerMethod {
    const begin = this.#begin;
    const end = this.#end;
    return function (request, reply) {
      begin(reply.raw);
      const returned = (): void => {
        end(reply.raw);
      };
      let result: unknown;
      try {
        result = handler.call(this, request, reply);
      } finally {
        if (result instanceof Promise) result.then(returned, returned);
        else returned();
      }
      return result;
    };
  }

  readonly #begin = (response: ServerResponse): void => {
    this.#handled.add(response);
    this.#runningCount += 1;
  };

  readonly #end = (response: ServerResponse): void => {
    this.#runningCount -= 1;
    const callback = this.#onReturned.get(response);
    // Fastify answers HEAD with the handler of GET, which is counted within its own.
    this.#onReturned.delete(response);
    callback?.();
  };

  /** Counts a generator that feeds a response until it has ended. */
  async *streaming<Value, Result>(
    values: AsyncGenerator<Value, Result>,
  ): AsyncGenerator<Value, Result> {
    this.#runningCount += 1;
    try {
      return yield* values;
    } finally {
      this.#runningCount -= 1;
    }
  }

  /** Resolves when all requests have ended, or have been cut off at the deadline. Never rejects. */
  async drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const { shutdownDelayMs, shutdownTimeoutMs } = this.settings;
    this.readiness.beginShutdown();
    this.logger.info(this.#progress, 'shutting down');
    for (const responses of this.#open.values()) [...responses].slice(-1).forEach(closeAfter);
    if (this.#server?.listening === true) await delay(shutdownDelayMs);
    this.#stopListening();
    const startedAt = performance.now();
    const streamMs = Math.min(STREAM_TIMEOUT_MS, shutdownTimeoutMs / 2);
    while (this.#isBusy && performance.now() - startedAt < shutdownTimeoutMs) {
      const elapsedMs = performance.now() - startedAt;
      if (elapsedMs > streamMs) this.#streams.abort(new Error('the service is shutting down'));
      if (elapsedMs > Math.min(BODY_TIMEOUT_MS, streamMs))
        this.#cut((response) => this.#isWaitingForBody(response));
      if (elapsedMs > streamMs + Math.min(STREAM_END_MS, streamMs / 2)) this.#cut(isStreaming);
      await delay(CHECK_INTERVAL_MS);
    }
    this.#isComplete = !this.#isBusy;
    if (this.#isComplete) this.logger.info({}, 'all requests have ended');
    else this.logger.error(this.#progress, 'requests did not end in time and were cut off');
    // Half-sent requests, and those cut off: Fastify would wait for their connections.
    this.#cut(() => true);
    this.#server?.closeAllConnections();
  }

  get #isBusy(): boolean {
    return this.#open.size > 0 || this.#runningCount > 0;
  }

  get #progress(): { readonly openConnections: number; readonly runningHandlers: number } {
    return { openConnections: this.#open.size, runningHandlers: this.#runningCount };
  }

  #isWaitingForBody(response: ServerResponse): boolean {
    return !response.headersSent && !response.req.complete && !this.#handled.has(response);
  }

  #add(response: ServerResponse): void {
    const { socket } = response;
    // A request that `inject` made up has no connection.
    if (socket === null) return;
    const responses = this.#open.get(socket) ?? new Set();
    if (this.#drained) {
      // Of pipelined requests only the last may close the connection.
      for (const earlier of responses) if (!earlier.headersSent) earlier.shouldKeepAlive = true;
      closeAfter(response);
    }
    this.#open.set(socket, responses.add(response));
    onClosed(response, () => {
      responses.delete(response);
      if (responses.size > 0) return;
      this.#open.delete(socket);
      if (this.#drained) socket.destroySoon();
    });
  }

  /** Closes idle connections as well. */
  #stopListening(): void {
    if (this.#server?.listening !== true) return;
    // `localhost` has a server for each of its addresses; Fastify closes the others on this event.
    this.#server.emit('unref');
    this.#server.close();
  }

  #cut(isDue: (response: ServerResponse) => boolean): void {
    for (const responses of this.#open.values()) {
      for (const response of responses)
        if (isDue(response)) response.destroy(new ServiceStopping());
    }
  }
}

function closeAfter(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}

function isStreaming(response: ServerResponse): boolean {
  return response.headersSent;
}
