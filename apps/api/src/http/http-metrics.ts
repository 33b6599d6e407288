import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { Histogram, Registry } from 'prom-client';
import { RequestContexts } from '#libs/authentication';
import { Logger } from '#libs/platform';

/** Logs and measures each request, by the route's pattern and never by its path. */
@Injectable()
export class HttpMetrics {
  readonly #durations: Histogram;

  constructor(
    private readonly logger: Logger,
    private readonly contexts: RequestContexts,
    registry: Registry,
  ) {
    this.#durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [registry],
    });
  }

  attach(server: FastifyInstance): void {
    server.addHook('onRequest', (request, reply, done) => {
      void reply.header('x-request-id', this.contexts.of(request).requestId);
      done();
    });
    server.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? 'none';
      const { method } = request;
      this.#durations.observe(
        { method, route, status: reply.statusCode },
        reply.elapsedTime / 1000,
      );
      const { requestId, traceId } = this.contexts.of(request);
      const durationMs = Math.round(reply.elapsedTime * 10) / 10;
      this.logger.info(
        { requestId, traceId, method, route, status: reply.statusCode, durationMs },
        'request answered',
      );
      done();
    });
  }
}
