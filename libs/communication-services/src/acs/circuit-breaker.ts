import type { CallPriority, Clock, Logger } from '#libs/platform';
import type { AcsOperation } from '#libs/request-budget';
import { UpstreamUnavailable } from '../errors.js';

/** Consecutive outages that open the circuit. */
const FAILURES_TO_OPEN = 5;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** The calls that share a circuit. */
export interface CircuitScope {
  readonly resource: string;
  readonly operation: AcsOperation;
  readonly priority: CallPriority;
}

/**
 * Rejects calls at once while an operation of an ACS resource is down.
 *
 * Consecutive outages open the circuit. After a pause one call may pass as a probe: its success
 * closes the circuit, another outage doubles the pause.
 */
export class CircuitBreaker {
  #failures = 0;
  #pauseMs = MIN_PAUSE_MS;
  /** Absent while the circuit is closed. */
  #openUntil: number | undefined;
  #isProbing = false;

  constructor(
    private readonly scope: CircuitScope,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Must be called before each call, and `record` or `abandon` after it.
   *
   * @throws UpstreamUnavailable with the rest of the pause as `retryAfterSeconds`
   */
  admit(): void {
    if (this.#openUntil === undefined) return;
    const remainingMs = this.#openUntil - this.clock.monotonicNow();
    if (remainingMs <= 0 && !this.#isProbing) {
      this.#isProbing = true;
      return;
    }
    const retryAfterSeconds = Math.max(1, Math.ceil(remainingMs / 1000));
    throw new UpstreamUnavailable({ cause: new Error('circuit open'), retryAfterSeconds });
  }

  /** An admitted call ended. */
  record(isOutage: boolean): void {
    if (isOutage) {
      this.#fail();
      return;
    }
    if (this.#openUntil !== undefined) {
      this.logger.info({ ...this.scope }, 'azure communication services is back');
    }
    this.#failures = 0;
    this.#pauseMs = MIN_PAUSE_MS;
    this.#openUntil = undefined;
    this.#isProbing = false;
  }

  /** An admitted call was not made. */
  abandon(): void {
    this.#isProbing = false;
  }

  #fail(): void {
    this.#failures += 1;
    const wasProbe = this.#isProbing;
    this.#isProbing = false;
    if (this.#failures < FAILURES_TO_OPEN) return;
    // Calls that were in flight when the circuit opened fail too: they don't extend the pause.
    if (this.#openUntil !== undefined && !wasProbe) return;
    if (wasProbe) this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    this.#openUntil = this.clock.monotonicNow() + this.#pauseMs;
    const fields = { ...this.scope, pauseMs: this.#pauseMs };
    this.logger.error(fields, 'azure communication services is down');
  }
}
