import type { Clock } from '#libs/platform';

/**
 * How often this replica served each requester in the last window: a sliding window counter, which
 * takes the calls of the window before as evenly spread.
 */
export class ServedRequesters {
  #current = new Map<string, number>();
  #previous = new Map<string, number>();
  #currentSince: number;

  constructor(
    private readonly clock: Clock,
    private readonly windowMs: number,
  ) {
    this.#currentSince = clock.monotonicNow();
  }

  add(requester: string | undefined): void {
    if (requester === undefined) return;
    this.#advance();
    this.#current.set(requester, (this.#current.get(requester) ?? 0) + 1);
  }

  countOf(requester: string | undefined): number {
    if (requester === undefined) return 0;
    const elapsedMs = this.#advance();
    const previous = this.#previous.get(requester) ?? 0;
    const overlap = 1 - elapsedMs / this.windowMs;
    return (this.#current.get(requester) ?? 0) + Math.ceil(previous * overlap);
  }

  /** @returns time since the start of the current window */
  #advance(): number {
    const now = this.clock.monotonicNow();
    const elapsedMs = now - this.#currentSince;
    if (elapsedMs < this.windowMs) return Math.max(0, elapsedMs);
    const isAdjacent = elapsedMs < 2 * this.windowMs;
    this.#previous = isAdjacent ? this.#current : new Map<string, number>();
    this.#current = new Map();
    this.#currentSince = isAdjacent ? this.#currentSince + this.windowMs : now;
    return now - this.#currentSince;
  }
}
