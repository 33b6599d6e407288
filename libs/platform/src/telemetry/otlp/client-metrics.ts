import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Client } from 'pg';
import { Histogram, Registry } from 'prom-client';
import { statementSpan } from '../../database/statement-span.js';
import { errorType } from '../traced.js';

/** Seconds, as the semantic conventions advise. */
const HTTP_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;
const DATABASE_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] as const;

/** What undici says of a request, as far as it is read here. */
interface RequestMessage {
  readonly request: { readonly method: string; readonly origin?: string | URL };
  readonly response?: { readonly statusCode: number };
  readonly error?: unknown;
}

/** The forms of pg's `query`: with a promise, with a callback, or with an object that submits itself. */
type Query = (this: Client, ...given: unknown[]) => unknown;

/**
 * Measures calls of dependencies where telemetry is sent, and only there: without it nothing listens to undici,
 * and pg is unchanged.
 *
 * @param ownOrigins are not measured: the collector
 */
export class ClientMetrics {
  /** Not part of `/metrics`, which has metrics of each dependency. */
  readonly registry = new Registry();
  readonly #stops: (() => void)[];

  constructor(private readonly ownOrigins: readonly string[]) {
    this.#stops = [this.#measureRequests(), this.#measureStatements()];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #measureRequests(): () => void {
    const durations = new Histogram({
      name: 'http_client_request_duration_seconds',
      help: 'Duration of requests to other services, to the end of the response.',
      labelNames: ['method', 'address', 'port', 'status', 'error'],
      buckets: [...HTTP_BUCKETS],
      registers: [this.registry],
    });
    const begun = new WeakMap<object, { readonly at: number; status?: number }>();
    const end = ({ request, error }: RequestMessage): void => {
      const known = begun.get(request);
      if (!known) return;
      begun.delete(request);
      const { hostname, port, protocol } = new URL(String(request.origin));
      const { status } = known;
      const failed = error === undefined ? status !== undefined && status >= 400 : true;
      durations.observe(
        {
          method: request.method,
          address: hostname,
          port: Number(port || (protocol === 'https:' ? 443 : 80)),
          ...(status !== undefined && { status }),
          ...(failed && { error: error === undefined ? String(status) : errorType(error) }),
        },
        (performance.now() - known.at) / 1000,
      );
    };
    const listeners: Readonly<Record<string, (message: RequestMessage) => void>> = {
      'undici:request:create': ({ request }) => {
        const { origin } = request;
        const isOwn = origin === undefined || this.ownOrigins.includes(new URL(origin).origin);
        if (!isOwn) begun.set(request, { at: performance.now() });
      },
      'undici:request:headers': ({ request, response }) => {
        const known = begun.get(request);
        if (known && response) known.status = response.statusCode;
      },
      'undici:request:trailers': end,
      'undici:request:error': end,
    };
    // undici publishes these messages on its channels.
    const entries = Object.entries(listeners) as [string, ChannelListener][];
    for (const [name, listener] of entries) subscribe(name, listener);
    return () => {
      for (const [name, listener] of entries) unsubscribe(name, listener);
    };
  }

  /** Of all connections that are opened from now on. Streams of COPY are not measured. */
  #measureStatements(): () => void {
    const durations = new Histogram({
      name: 'db_client_operation_duration_seconds',
      help: 'Duration of statements of PostgreSQL, without the wait for a connection.',
      labelNames: ['system', 'operation', 'collection', 'summary', 'status', 'error'],
      buckets: [...DATABASE_BUCKETS],
      registers: [this.registry],
    });
    const prototype = Client.prototype as unknown as { query: Query };
    const { query } = prototype;
    const measured: Query = function (this: Client, ...given) {
      const end = startOf(durations, textOf(given[0]));
      const callback = given.findIndex((one) => typeof one === 'function');
      if (callback > 0) {
        const settle = given[callback] as (error: unknown, result: unknown) => unknown;
        given[callback] = (error: unknown, result: unknown) => {
          end(error ?? undefined);
          return settle(error, result);
        };
      }
      const result = query.apply(this, given);
      if (result instanceof Promise)
        result.then(
          () => {
            end();
          },
          (error: unknown) => {
            end(error);
          },
        );
      return result;
    };
    prototype.query = measured;
    return () => {
      if (prototype.query === measured) prototype.query = query;
    };
  }
}

/** @returns ends the measurement */
function startOf(durations: Histogram, text: string | undefined): (error?: unknown) => void {
  if (text === undefined) return () => undefined;
  const startedAt = performance.now();
  return (error) => {
    const { attributes = {} } = statementSpan(text)[1];
    const code = error === undefined ? undefined : errorType(error);
    const labels = {
      system: attributes['db.system.name'],
      operation: attributes['db.operation.name'],
      collection: attributes['db.collection.name'],
      summary: attributes['db.query.summary'],
      ...(code !== undefined && { error: code }),
      ...(code !== undefined && /^[\dA-Z]{5}$/.test(code) && { status: code }),
    } as Record<string, string>; // the attributes of a statement are texts
    durations.observe(labels, (performance.now() - startedAt) / 1000);
  };
}

function textOf(query: unknown): string | undefined {
  if (typeof query === 'string') return query;
  if (typeof query !== 'object' || query === null || 'submit' in query) return undefined;
  return 'text' in query && typeof query.text === 'string' ? query.text : undefined;
}
