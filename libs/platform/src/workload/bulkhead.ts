import { problem } from '../errors/problem.js';

/** All places for this kind of work are taken, and so is the queue, or the caller's share of both. */
export class ServiceBusy extends problem(
  'service-busy',
  503,
  'Too many requests of this kind are in progress',
  'Reading and bulk work have a limited number of places, so that they never delay the issuance of tokens. Repeat the request after Retry-After.',
) {}

export interface BulkheadOptions {
  /** Of the work, in the log. */
  readonly name: string;
  /** Requests that work at the same time. */
  readonly places: number;
  /** Requests that wait for a place. */
  readonly queueLimit: number;
  /** Time after which a queued request is refused. */
  readonly maxWaitMs: number;
}

interface WorkingRequest {
  readonly holder: string;
  /** By `performance.now()`. */
  readonly startedAt: number;
}

interface QueuedRequest {
  readonly holder: string;
  readonly admit: () => void;
}

const MAX_RETRY_AFTER_SECONDS = 60;
/** Weight of the newest duration in the moving average. */
const NEWEST_WEIGHT = 0.2;

/**
 * Bounds how many requests of one kind work at the same time.
 *
 * One holder gets at most half of the places and half of the queue, so that there is always room for
 * others. The queue is served in order, past holders whose share is taken.
 */
export class Bulkhead {
  readonly #working = new Set<WorkingRequest>();
  readonly #queue: QueuedRequest[] = [];
  #averageSeconds = 0.25;
  /** When the last refused request is expected to return. */
  #lastReturnAt = 0;

  constructor(private readonly options: BulkheadOptions) {}

  get heldCount(): number {
    return this.#working.size;
  }

  get queuedCount(): number {
    return this.#queue.length;
  }

  /**
   * Takes a place, or waits for one.
   *
   * @param holder who gets the place; a share is counted for each
   * @returns gives the place back; further calls have no effect
   * @throws ServiceBusy with `retryAfterSeconds`
   * @throws the signal's reason
   */
  async enter(holder: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    return this.#hasPlaceFor(holder) ? this.#take(holder) : this.#wait(holder, signal);
  }

  #hasPlaceFor(holder: string): boolean {
    const { places } = this.options;
    return this.#working.size < places && this.#heldBy(holder) < half(places);
  }

  #heldBy(holder: string): number {
    return [...this.#working].filter((working) => working.holder === holder).length;
  }

  #take(holder: string): () => void {
    const working = { holder, startedAt: performance.now() };
    this.#working.add(working);
    return () => {
      if (!this.#working.delete(working)) return;
      const seconds = (performance.now() - working.startedAt) / 1000;
      this.#averageSeconds += NEWEST_WEIGHT * (seconds - this.#averageSeconds);
      this.#admitNext();
    };
  }

  #admitNext(): void {
    const next = this.#queue.find(({ holder }) => this.#hasPlaceFor(holder));
    next?.admit();
  }

  async #wait(holder: string, signal: AbortSignal | undefined): Promise<() => void> {
    const { queueLimit, maxWaitMs } = this.options;
    const own = this.#queue.filter((queued) => queued.holder === holder).length;
    if (this.#queue.length >= queueLimit || own >= half(queueLimit)) throw this.#busy();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const place = this.#queue.indexOf(queued);
        if (place >= 0) this.#queue.splice(place, 1);
      };
      const queued: QueuedRequest = {
        holder,
        admit: () => {
          leave();
          // Taken here: another request may come before the promise has resolved.
          resolve(this.#take(holder));
        },
      };
      const abort = (): void => {
        leave();
        // The reason of an AbortController is an error unless its caller gave another value.
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        leave();
        reject(this.#busy());
      }, maxWaitMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#queue.push(queued);
    });
  }

  /** Refused requests return one after the other, at the rate at which places become free. */
  #busy(): ServiceBusy {
    const now = performance.now();
    const { name: workload, places } = this.options;
    const placeMs = this.#durationMs(now) / places;
    const earliest = Math.max(now + this.#queue.length * placeMs, this.#lastReturnAt) + placeMs;
    this.#lastReturnAt = Math.min(earliest, now + 1_000 * MAX_RETRY_AFTER_SECONDS);
    const retryAfterSeconds = Math.ceil((this.#lastReturnAt - now) / 1_000);
    return new ServiceBusy({ retryAfterSeconds, facts: { workload, places } });
  }

  /** How long a request works: as the last ones did, or as those that are working have for now. */
  #durationMs(now: number): number {
    const agesMs = [...this.#working].map(({ startedAt }) => now - startedAt);
    const averageAgeMs = agesMs.reduce((sum, ageMs) => sum + ageMs, 0) / (agesMs.length || 1);
    return Math.max(1_000 * this.#averageSeconds, averageAgeMs);
  }
}

function half(count: number): number {
  return Math.ceil(count / 2);
}
