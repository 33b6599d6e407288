import type { Clock, Logger } from '#libs/platform';
import { UpstreamUnavailable } from '../errors.js';

/** So many outages in a row open the circuit. */
const FAILURES_TO_OPEN = 5;
const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Spares callers the wait for an ACS resource that is down.
 *
 * After several outages in a row calls are refused at once. When the pause is over one call is let
 * through: its success closes the circuit, another outage doubles the pause.
 */
export class CircuitBreaker {
  #failures = 0;
  #pauseMs = SHORTEST_PAUSE_MS;
  #openUntil: number | undefined;
  #isProbing = false;

  constructor(
    private readonly resource: string,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** @throws UpstreamUnavailable while calls are refused */
  mustAllow(): void {
    if (this.#openUntil === undefined) return;
    const remainingMs = this.#openUntil - this.clock.now();
    if (remainingMs <= 0 && !this.#isProbing) {
      this.#isProbing = true;
      return;
    }
    const retryAfterSeconds = Math.max(1, Math.ceil(remainingMs / 1000));
    throw new UpstreamUnavailable({ cause: new Error('circuit open'), retryAfterSeconds });
  }

  /** A call that was allowed is over. */
  ended(isOutage: boolean): void {
    if (isOutage) {
      this.#failed();
      return;
    }
    if (this.#openUntil !== undefined) {
      this.logger.info({ resource: this.resource }, 'azure communication services is back');
    }
    this.#failures = 0;
    this.#pauseMs = SHORTEST_PAUSE_MS;
    this.#openUntil = undefined;
    this.#isProbing = false;
  }

  /** A call that was allowed was not made: it says nothing of ACS. */
  abandoned(): void {
    this.#isProbing = false;
  }

  #failed(): void {
    this.#failures += 1;
    const wasProbe = this.#isProbing;
    this.#isProbing = false;
    if (this.#failures < FAILURES_TO_OPEN) return;
    // Calls that were under way when the circuit opened fail too; they don't lengthen the pause.
    if (this.#openUntil !== undefined && !wasProbe) return;
    if (wasProbe) this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#openUntil = this.clock.now() + this.#pauseMs;
    const fields = { resource: this.resource, pauseMs: this.#pauseMs };
    this.logger.error(fields, 'azure communication services is down');
  }
}
