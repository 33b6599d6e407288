import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { Logger } from '../../logging/logger.js';
import { noAnswerFrom } from '../../outbound/no-answer.js';
import type { Clock } from '../../time/clock.js';
import { retryAfterMs } from '../../time/retry-pause.js';

const compress = promisify(gzip);

/** The receiver may take the same delivery later: OTLP specification, "Retryable response codes". */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** The last one is repeated. */
const BACK_OFF_MS = [1_000, 2_000, 4_000];

export interface OtlpTarget {
  /** Named in log lines. */
  readonly signal: 'traces' | 'metrics';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly isCompressed: boolean;
  /**
   * How many items a receiver has rejected, by its answer to a delivery that it took ("Partial Success"). The
   * JSON of protobuf has such numbers as texts.
   */
  readonly rejectedIn: (answer: Uint8Array) => number | string | undefined;
  /** For a delivery with its repetitions. */
  readonly timeoutMs: number;
}

interface Attempt {
  /** Why the delivery was not accepted. */
  readonly fault?: string;
  /** Whether the receiver may accept it later. */
  readonly isRetryable?: boolean;
  /** When, if it said so. */
  readonly retryAfterMs?: number | undefined;
}

export interface OtlpSenderDependencies {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Delivers telemetry to a collector by OTLP over HTTP. A delivery that is deferred, or whose connection fails, is
 * repeated (OTLP specification, "OTLP/HTTP Connection"). What can't be delivered in time is dropped: telemetry never
 * fails a request, and an outage has one line in the log at its start and one at its end.
 */
export class OtlpSender {
  readonly #origin: string;
  readonly #path: string;
  readonly #ending = new AbortController();
  #lost = 0;

  constructor(
    private readonly target: OtlpTarget,
    private readonly dependencies: OtlpSenderDependencies,
  ) {
    const { origin, pathname } = new URL(target.url);
    this.#origin = origin;
    this.#path = pathname;
  }

  /** Ends the pauses of deliveries that are repeated. Each has one more attempt, and later ones have one. */
  end(): void {
    this.#ending.abort();
  }

  /** Never rejects. @returns whether the receiver has accepted it */
  async send(content: Uint8Array): Promise<boolean> {
    const fault = await this.#deliver(content);
    const { logger } = this.dependencies;
    const { signal } = this.target;
    if (fault === undefined) {
      if (this.#lost > 0)
        logger.info({ signal, lostDeliveries: this.#lost }, 'telemetry is delivered again');
      this.#lost = 0;
      return true;
    }
    if (this.#lost === 0)
      logger.warn(
        { signal, collector: this.#origin + this.#path, reason: fault },
        'telemetry is not delivered',
      );
    this.#lost += 1;
    return false;
  }

  /** @returns why it was not accepted */
  async #deliver(content: Uint8Array): Promise<string | undefined> {
    const { isCompressed, timeoutMs } = this.target;
    const { clock } = this.dependencies;
    const body = isCompressed ? await compress(content) : content;
    const signal = AbortSignal.timeout(timeoutMs);
    const endsAt = clock.monotonicNow() + timeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      const isLast = this.#ending.signal.aborted;
      const { fault, isRetryable, retryAfterMs: demandedMs } = await this.#attempt(body, signal);
      if (fault === undefined || isLast || !isRetryable) return fault;
      const pauseMs = demandedMs ?? BACK_OFF_MS[attempt] ?? BACK_OFF_MS.at(-1) ?? 0;
      if (clock.monotonicNow() + pauseMs > endsAt) return fault;
      await this.#pause(pauseMs);
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { signal } = this.#ending;
    if (signal.aborted) return;
    await this.dependencies.clock.sleep(pauseMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async #attempt(body: Uint8Array, signal: AbortSignal): Promise<Attempt> {
    try {
      return await this.#post(body, signal);
    } catch (error) {
      const isLate = isTimeout(error);
      const fault = noAnswerFrom(new URL(this.#origin).host, error, isLate);
      return { fault, isRetryable: !isLate };
    }
  }

  async #post(body: Uint8Array, signal: AbortSignal): Promise<Attempt> {
    const { headers, contentType, isCompressed } = this.target;
    const response = await this.dependencies.dispatcher.request({
      origin: this.#origin,
      path: this.#path,
      method: 'POST',
      headers: {
        ...headers,
        'content-type': contentType,
        ...(isCompressed && { 'content-encoding': 'gzip' }),
      },
      body,
      signal,
    });
    const bytes = await response.body.bytes();
    const { statusCode: status } = response;
    if (status >= 300) {
      const { 'retry-after': retryAfter } = response.headers;
      const wait = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
      return {
        fault: `status ${status}`,
        isRetryable: RETRYABLE.has(status),
        retryAfterMs: retryAfterMs(wait, this.dependencies.clock.now()),
      };
    }
    const isReadable = String(response.headers['content-type']).startsWith(contentType);
    const rejectedCount = isReadable ? this.#rejectedIn(bytes) : 0;
    return rejectedCount > 0 ? { fault: `the collector rejected ${rejectedCount}` } : {};
  }

  /** 0 of an answer that can't be read: its status has accepted everything. */
  #rejectedIn(answer: Uint8Array): number {
    try {
      return Number(this.target.rejectedIn(answer) ?? 0);
    } catch {
      return 0;
    }
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
