import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { UnsupportedMediaType } from '../http/request-errors.js';

export const NDJSON = 'application/x-ndjson';
export const IMPORT_ROUTE = '/v1/identities/import';

/** Time to send the body of any other request, in milliseconds. */
const BODY_MS = 30_000;
/** Time without a byte in either direction after which an import is given up, in milliseconds. */
const SILENCE_MS = 600_000;

/**
 * Lets the import read its body as a stream, as long as it takes. Every other route keeps its limits
 * of size and time.
 */
@Injectable()
export class NdjsonBodyParser implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    const server: FastifyInstance = this.host.httpAdapter.getInstance();
    server.addContentTypeParser(NDJSON, (request, payload, done) => {
      if (isImport(request)) done(null, payload);
      else done(new UnsupportedMediaType());
    });
    // Node's own limit spans all routes; these take its place.
    server.server.requestTimeout = 0;
    server.addHook('onRequest', (request, _reply, done) => {
      limitTime(request);
      done();
    });
    server.addHook('onSend', (request, reply, payload, done) => {
      // A refused import's body is not read to its end: it may be huge.
      if (isImport(request) && reply.statusCode >= 400) void reply.header('connection', 'close');
      done(null, payload);
    });
  }
}

function isImport(request: FastifyRequest): boolean {
  return request.routeOptions.url === IMPORT_ROUTE;
}

function limitTime(request: FastifyRequest): void {
  const { raw } = request;
  if (isImport(request)) {
    raw.socket.setTimeout(SILENCE_MS, () => raw.destroy());
    return;
  }
  const hasBody = raw.headers['content-length'] !== undefined || raw.headers['transfer-encoding'];
  if (!hasBody || raw.headers['content-length'] === '0') return;
  const timer = setTimeout(() => {
    if (!raw.complete) raw.destroy();
  }, BODY_MS);
  raw.once('close', () => {
    clearTimeout(timer);
  });
}
