import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import { isAuthenticated } from '#libs/authentication';
import { type Facts, LineLimiter, Logger, ServiceError } from '#libs/platform';
import { onClosed } from './on-closed.js';
import type { Refusal } from './problem-details.js';

interface RecordedAnswer {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  /** Of an answer that began and was not completed. */
  readonly sentStatus?: number;
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

/** As nginx calls it that the client has closed its connection before it had the answer. */
const CLIENT_HAS_GONE = 499;

/** How an answer ended. */
export interface AnswerEnd {
  /** That of the answer; of one that was not completed, that of the failure, or 499. */
  readonly status: number;
  readonly isComplete: boolean;
  /** Why it was refused, or the service closed its connection. */
  readonly refusal: Refusal | undefined;
}

type Recording = Pick<AnswerEnd, 'refusal' | 'isComplete'> & {
  readonly elapsedMs: number;
  /** Whether a guard admitted the caller. */
  readonly isCallerKnown: boolean;
};

/** For answers to callers that no guard admitted. */
const STRANGERS_LINES = {
  windowMs: 10_000,
  maxLinesPerKind: 100,
  maxLines: 200,
  maxKinds: 100,
};

/**
 * Logs and measures each answer, by the route's pattern and never by its path. What was not answered in
 * full is no success: it has the status of the failure, or 499 when the client has gone.
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

  /** How the answer to a request ended. Call it when the response is closed. */
  endOf(response: ServerResponse): AnswerEnd {
    const { req, errored, statusCode, writableFinished: isComplete } = response;
    const cutFor = errored instanceof ServiceError ? errored : undefined;
    const refusal = this.#refusals.get(req) ?? cutFor;
    const status = isComplete ? statusCode : (refusal?.status ?? CLIENT_HAS_GONE);
    return { status, isComplete, refusal };
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
      const { status, isComplete, refusal } = this.endOf(response);
      const sent = isComplete || !response.headersSent ? {} : { sentStatus: response.statusCode };
      this.#record(
        { ...ids, method, route, status, ...sent },
        { elapsedMs, refusal, isComplete, isCallerKnown: isAuthenticated(request) },
      );
    });
  }

  /** Records the answer to bytes that never became a request. */
  recordRefusedBytes(
    refusal: Refusal,
    requestId: string,
    { reason, method = 'none' }: { readonly reason?: string | undefined; readonly method?: string },
  ): void {
    this.#record(
      { requestId, method, route: 'none', status: refusal.status, reason },
      { elapsedMs: 0, refusal, isComplete: true, isCallerKnown: false },
    );
  }

  #record(
    answer: Omit<RecordedAnswer, 'problem'>,
    { elapsedMs, refusal, isComplete, isCallerKnown }: Recording,
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
      isComplete ? 'request answered' : 'request cut off',
    );
  }
}
