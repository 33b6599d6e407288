import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requirePlainBody } from '../http/body-encoding.js';
import { onClosed } from '../http/on-closed.js';
import { RequestTimedOut, UnsupportedMediaType } from '../http/request-errors.js';

export const NDJSON = 'application/x-ndjson';
const IMPORT_ROUTES = ['/v1/identities/import', '/v1/teams-phone/assignments/import'];

/** Time to send the body of any other request. */
const BODY_TIMEOUT_MS = 30_000;
/** Time without a byte in either direction after which an import is aborted. */
const IMPORT_IDLE_TIMEOUT_MS = 600_000;
/** Time to send the rest of an import that was answered early. */
const REST_TIMEOUT_MS = 5_000;

/**
 * Passes the body of an import as a stream, whose reader limits its size. Every other route has limits
 * of size and duration.
 */
@Injectable()
export class NdjsonBodyParser implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    const server: FastifyInstance = this.host.httpAdapter.getInstance();
    server.addContentTypeParser(NDJSON, (request, payload, done) => {
      if (!isImport(request)) throw new UnsupportedMediaType();
      requirePlainBody(request.headers);
      done(null, payload);
    });
    // Replaces Node's limit, which would apply to all routes; createApi sets that to 0.
    server.addHook('onRequest', (request, reply, done) => {
      limitTime(request, reply);
      done();
    });
    server.addHook('onSend', (request, reply, payload, done) => {
      // The rest of a refused import's body is not read: it may be huge.
      if (isImport(request) && reply.statusCode >= 400) void reply.header('connection', 'close');
      done(null, payload);
    });
  }
}

function isImport(request: FastifyRequest): boolean {
  return IMPORT_ROUTES.includes(request.routeOptions.url ?? '');
}

function limitTime(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request;
  if (isImport(request)) {
    reply.raw.once('finish', () => {
      dropRest(raw);
    });
    const { socket } = raw;
    const abort = (): void => void raw.destroy();
    socket.setTimeout(IMPORT_IDLE_TIMEOUT_MS, abort);
    // The connection may have many more requests; Node sets its timeout for each of them.
    onClosed(reply.raw, () => socket.off('timeout', abort));
    return;
  }
  const hasBody = raw.headers['content-length'] !== undefined || raw.headers['transfer-encoding'];
  if (!hasBody || raw.headers['content-length'] === '0') return;
  const timer = setTimeout(() => {
    if (raw.complete) return;
    if (reply.sent) raw.destroy();
    else void reply.header('connection', 'close').send(new RequestTimedOut());
  }, BODY_TIMEOUT_MS);
  raw.once('close', () => {
    clearTimeout(timer);
  });
}

/** Discards what the client still sends, so that it reads the answer, and closes the connection then. */
function dropRest(raw: FastifyRequest['raw']): void {
  if (raw.complete) return;
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), REST_TIMEOUT_MS);
  raw.once('close', () => {
    clearTimeout(timer);
  });
}
