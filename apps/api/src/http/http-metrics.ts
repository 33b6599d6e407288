import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Histogram, Registry } from 'prom-client';
import { isAuthenticated } from '#libs/authentication';
import { LineLimiter, Logger } from '#libs/platform';

interface RecordedAnswer {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly requestId: string;
  readonly traceId?: string | undefined;
  /** Node's code for what is wrong with the bytes. */
  readonly reason?: string | undefined;
}

type AnswerKind = Pick<RecordedAnswer, 'route'> & { readonly status: number | undefined };

/** For answers to callers that no guard admitted. */
const STRANGERS_LINES = {
  windowMs: 10_000,
  maxLinesPerKind: 100,
  maxLines: 200,
  maxKinds: 100,
};

/**
 * Logs and measures each answer, by the route's pattern and never by its path.
 *
 * Each answer to an authenticated caller has a line. Answers to others have a bounded number of lines
 * per time; beyond it one line has their count.
 */
@Injectable()
export class HttpMetrics implements BeforeApplicationShutdown {
  readonly #durations: Histogram;
  readonly #strangers: LineLimiter<AnswerKind>;
  readonly #routes = new WeakMap<IncomingMessage, string>();

  constructor(
    private readonly logger: Logger,
    registry: Registry,
  ) {
    this.#durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [registry],
    });
    const others: AnswerKind = { route: 'several', status: undefined };
    this.#strangers = new LineLimiter(STRANGERS_LINES, others, ({ kind, ...counted }) => {
      this.logger.info({ ...kind, ...counted }, 'requests answered');
    });
  }

  beforeApplicationShutdown(): void {
    this.#strangers.flush();
  }

  /** Names the route of a request, once the router knows it. */
  setRoute(request: IncomingMessage, route: string | undefined): void {
    if (route !== undefined) this.#routes.set(request, route);
  }

  /** The pattern of the route; `none` for an unknown one. */
  routeOf(request: IncomingMessage): string {
    return this.#routes.get(request) ?? 'none';
  }

  /** Records the answer of a request when it has ended or its connection has. */
  measure(
    request: IncomingMessage,
    response: ServerResponse,
    ids: { readonly requestId: string; readonly traceId: string | undefined },
  ): void {
    const startedAt = performance.now();
    response.once('close', () => {
      const elapsedMs = performance.now() - startedAt;
      const { method = 'none' } = request;
      const route = this.routeOf(request);
      const answer = { ...ids, method, route, status: response.statusCode };
      this.#record(answer, elapsedMs, isAuthenticated(request));
    });
  }

  /** Records the answer to bytes that never became a request. */
  recordRefusedBytes(status: number, requestId: string, reason?: string, method = 'none'): void {
    this.#record({ requestId, method, route: 'none', status, reason }, 0);
  }

  #record(fields: RecordedAnswer, elapsedMs: number, isCallerKnown = false): void {
    const { method, route, status } = fields;
    this.#durations.observe({ method, route, status }, elapsedMs / 1000);
    if (!isCallerKnown && !this.#strangers.admits({ route, status })) return;
    this.logger.info(
      { ...fields, durationMs: Math.round(elapsedMs * 10) / 10 },
      'request answered',
    );
  }
}
