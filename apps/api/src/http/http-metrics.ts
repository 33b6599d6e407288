import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import { isAuthenticated } from '#libs/authentication';
import { type Facts, LineLimiter, Logger } from '#libs/platform';
import { onClosed } from './on-closed.js';
import type { Refusal } from './problem-details.js';

interface RecordedAnswer {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly requestId: string;
  readonly traceId?: string | undefined;
  /** Node's code for what is wrong with the bytes. */
  readonly reason?: string | undefined;
  /** Why the request was refused. */
  readonly problem?: (Pick<Refusal, 'code' | 'title'> & Facts) | undefined;
}

type AnswerKind = Pick<RecordedAnswer, 'route'> & {
  readonly status: number | undefined;
  readonly code?: string | undefined;
};

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
 * per time; beyond it one line has their count. The line of a refusal has its code, its general reason and
 * its facts, and nothing of what the caller sent.
 */
@Injectable()
export class HttpMetrics implements BeforeApplicationShutdown {
  readonly #durations: Histogram;
  readonly #problems: Counter<'code'>;
  readonly #strangers: LineLimiter<AnswerKind>;
  readonly #routes = new WeakMap<IncomingMessage, string>();
  readonly #refusals = new WeakMap<IncomingMessage, Refusal>();

  constructor(
    private readonly logger: Logger,
    registry: Registry,
  ) {
    this.#durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [registry],
    });
    this.#problems = new Counter({
      name: 'problem_responses_total',
      help: 'Requests that were refused or failed',
      labelNames: ['code'],
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

  /** Names why a request is refused, before it is answered. */
  setRefusal(request: IncomingMessage, refusal: Refusal): void {
    this.#refusals.set(request, refusal);
  }

  /** The code of the problem that is the answer; `undefined` for another answer. */
  problemOf(request: IncomingMessage): string | undefined {
    return this.#refusals.get(request)?.code;
  }

  /** Records the answer of a request when it has ended or its connection has. */
  measure(
    request: IncomingMessage,
    response: ServerResponse,
    ids: { readonly requestId: string; readonly traceId: string | undefined },
  ): void {
    const startedAt = performance.now();
    onClosed(response, () => {
      const elapsedMs = performance.now() - startedAt;
      const { method = 'none' } = request;
      const route = this.routeOf(request);
      const refusal = this.#refusals.get(request);
      const answer = { ...ids, method, route, status: response.statusCode };
      this.#record(answer, elapsedMs, refusal, isAuthenticated(request));
    });
  }

  /** Records the answer to bytes that never became a request. */
  recordRefusedBytes(
    refusal: Refusal,
    requestId: string,
    { reason, method = 'none' }: { readonly reason?: string | undefined; readonly method?: string },
  ): void {
    this.#record({ requestId, method, route: 'none', status: refusal.status, reason }, 0, refusal);
  }

  #record(
    answer: Omit<RecordedAnswer, 'problem'>,
    elapsedMs: number,
    refusal: Refusal | undefined,
    isCallerKnown = false,
  ): void {
    const { method, route, status } = answer;
    this.#durations.observe({ method, route, status }, elapsedMs / 1000);
    const code = refusal?.code;
    if (code !== undefined) this.#problems.inc({ code });
    if (!isCallerKnown && !this.#strangers.admits({ route, status, code })) return;
    const problem = refusal && { code: refusal.code, title: refusal.title, ...refusal.facts };
    const fields: RecordedAnswer = { ...answer, ...(problem && { problem }) };
    this.logger.info(
      { ...fields, durationMs: Math.round(elapsedMs * 10) / 10 },
      'request answered',
    );
  }
}
