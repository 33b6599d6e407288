import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestContexts } from '#libs/authentication';
import { Logger, RequestTrace } from '#libs/platform';
import { ConnectionLimits } from './connection-limits.js';
import type { CrossOriginRequests } from './cross-origin-requests.js';
import { HttpMetrics } from './http-metrics.js';
import { onClosed } from './on-closed.js';
import type { Refusal } from './problem-details.js';
import { writeProblem, writeProblemToSocket } from './problem-writer.js';
import {
  ExpectationFailed,
  HeadersTooLarge,
  InvalidRequest,
  MalformedRequest,
  RequestTimedOut,
  RouteNotFound,
  ServiceStopping,
  TargetTooLong,
} from './request-errors.js';
import { asServiceError, logFailure } from './request-failure.js';
import { MAX_TARGET_LENGTH, pathFault, queryFault, repetitionFault } from './request-target.js';
import { DOCS_CONTENT_SECURITY_POLICY, SECURITY_HEADERS } from './security-headers.js';
import type { TimerCalls } from './timer-calls.js';

/**
 * What every request passes before the router and every response on its way out: id, security headers,
 * log line and metric. It also answers what never becomes a request, so that all answers have one shape.
 */
@Injectable()
export class HttpBoundary {
  readonly #newestResponses = new WeakMap<Duplex, ServerResponse>();
  readonly #refused = new WeakSet<Duplex>();
  readonly #limits = new ConnectionLimits();
  readonly #traces = new WeakMap<IncomingMessage, RequestTrace>();
  #crossOrigin: CrossOriginRequests | undefined;
  #isStopping = false;

  constructor(
    private readonly contexts: RequestContexts,
    private readonly metrics: HttpMetrics,
    private readonly logger: Logger,
  ) {}

  /** Puts itself before the listeners of the server, which does not listen yet. */
  attach(
    fastify: FastifyInstance,
    crossOrigin: CrossOriginRequests,
    timerCalls: TimerCalls | undefined,
    slowClientTimeoutMs: number,
  ): void {
    this.#crossOrigin = crossOrigin;
    const { server } = fastify;
    this.#limits.attach(server, slowClientTimeoutMs);
    const router = server.listeners('request');
    server.removeAllListeners('request').removeAllListeners('clientError');
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      const requestId = this.#begin(request, response);
      if (crossOrigin.answerPreflight(request, response)) {
        this.metrics.setRoute(request, 'preflight');
        return;
      }
      const refusal = this.#isStopping ? new ServiceStopping() : refusalOf(request);
      if (refusal) this.#refuse(response, refusal, requestId);
      else if (timerCalls?.answer(request, response) === true)
        this.metrics.setRoute(request, 'timer');
      else for (const listener of router) listener.call(server, request, response);
    };
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (!this.#limits.admit(request, response)) {
        const reason = 'too many requests of one connection';
        this.metrics.recordRefusedBytes(new MalformedRequest(), randomUUID(), { reason });
        return;
      }
      const requestTrace = RequestTrace.begin({
        method: request.method ?? 'none',
        traceparent: parentOf(request),
      });
      if (!requestTrace) {
        serve(request, response);
        return;
      }
      this.#traces.set(request, requestTrace);
      requestTrace.run(() => {
        serve(request, response);
      });
    });
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      this.#refuse(response, new ExpectationFailed(), this.#begin(request, response));
    });
    // CONNECT asks for a tunnel; no response object exists for it.
    server.on('connect', (_request, socket) => {
      this.#refuseSocket(socket, new RouteNotFound(), 'CONNECT');
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') void this.#refuseUnlessArrived(error, socket);
      else this.#refuseBytes(error, socket);
    });
    fastify.addHook('preClose', (done) => {
      this.#isStopping = true;
      done();
    });
    // The body arrives in events of the connection, outside of the trace.
    fastify.addHook('preValidation', (request, _reply, done) => {
      const requestTrace = this.#traces.get(request.raw);
      if (requestTrace) requestTrace.run(done);
      else done();
    });
    fastify.addHook('onSend', (request, reply, payload, done) => {
      this.#failWith(payload, request, reply.raw);
      done();
    });
    fastify.addHook('onRequest', (request, reply, done) => {
      const { url, config } = request.routeOptions;
      this.metrics.setRoute(request.raw, url);
      if (url?.startsWith('/docs') === true)
        void reply.header('content-security-policy', DOCS_CONTENT_SECURITY_POLICY);
      const fault =
        config.ignoresQuery === true ? undefined : repetitionFault(request.raw.url ?? '');
      done(fault && new InvalidRequest([fault]));
    });
  }

  /** A failure of a stream that has begun can't be answered: its connection is closed, and it is recorded. */
  #failWith(payload: unknown, request: FastifyRequest, response: ServerResponse): void {
    if (!(payload instanceof Readable)) return;
    payload.once('error', (thrown) => {
      if (!response.headersSent || response.destroyed) return;
      const error = asServiceError(thrown, request);
      logFailure(error, String(response.getHeader('x-request-id')), request, this.logger);
      response.destroy(error);
    });
  }

  /** Answers what the router refuses before a route is found. */
  refuseUnroutable(code: string, { raw }: { readonly raw: ServerResponse }): void {
    const error =
      code === 'FST_ERR_MAX_PARAM_LENGTH' ? new TargetTooLong() : new MalformedRequest();
    this.#refuse(raw, error, String(raw.getHeader('x-request-id')));
  }

  #refuse(response: ServerResponse, refusal: Refusal, requestId: string): void {
    this.metrics.setRefusal(response.req, refusal);
    writeProblem(response, refusal, requestId);
  }

  #begin(request: IncomingMessage, response: ServerResponse): string {
    const { method = 'none', headers } = request;
    const { requestId, traceId } = this.contexts.of({ method, headers, raw: request });
    this.#newestResponses.set(request.socket, response);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader('x-request-id', requestId);
    this.#crossOrigin?.setHeaders(request, response);
    this.metrics.measure(request, response, { requestId, traceId });
    const requestTrace = this.#traces.get(request);
    if (requestTrace)
      onClosed(response, () => {
        const route = this.metrics.routeOf(request);
        const { status, refusal } = this.metrics.endOf(response);
        requestTrace.end({ route, status, requestId, problem: refusal?.code });
      });
    return requestId;
  }

  /** The timers of a process that was stopped fire before it reads what arrived in time. */
  async #refuseUnlessArrived(error: NodeJS.ErrnoException, socket: Duplex): Promise<void> {
    const newest = this.#newestResponses.get(socket);
    await setImmediate();
    if (this.#newestResponses.get(socket) === newest) this.#refuseBytes(error, socket);
  }

  #refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.#refused.has(socket)) return;
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    const problem = problemOfParserError(error.code);
    const current = this.#newestResponses.get(socket);
    if (current === undefined || current.writableFinished) {
      this.#refuseSocket(socket, problem, 'none', error.code);
      return;
    }
    this.#refused.add(socket);
    if (current.headersSent) {
      // A second answer inside the first would be taken for a part of it.
      socket.destroy();
    } else if (current.req.complete) {
      // The request before the malformed bytes is answered first, and is the last of the connection.
      current.setHeader('connection', 'close');
      current.shouldKeepAlive = false;
      this.metrics.recordRefusedBytes(problem, randomUUID(), { reason: error.code });
    } else {
      current.once('finish', () => socket.destroy());
      this.#refuse(current, problem, String(current.getHeader('x-request-id')));
    }
  }

  #refuseSocket(socket: Duplex, problem: Refusal, method: string, reason?: string): void {
    this.#refused.add(socket);
    const requestId = randomUUID();
    socket.on('error', () => socket.destroy());
    writeProblemToSocket(socket, problem, requestId);
    this.metrics.recordRefusedBytes(problem, requestId, { reason, method });
  }
}

function parentOf({ headers }: IncomingMessage): string | undefined {
  const { traceparent } = headers;
  return Array.isArray(traceparent) ? undefined : traceparent;
}

function problemOfParserError(code: string | undefined): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return new HeadersTooLarge();
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestTimedOut();
  return new MalformedRequest();
}

/** Why no route may see the request. */
function refusalOf(request: IncomingMessage): Refusal | undefined {
  const { url = '', rawHeaders, httpVersion } = request;
  const hosts = rawHeaders.filter((name, n) => n % 2 === 0 && /^host$/i.test(name)).length;
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0'))
    return new MalformedRequest({ detail: 'A request has exactly one Host header.' });
  if (url.length > MAX_TARGET_LENGTH) return new TargetTooLong();
  const detail = pathFault(url);
  if (detail !== undefined) return new MalformedRequest({ detail });
  const fault = queryFault(url);
  return fault && new InvalidRequest([fault]);
}
