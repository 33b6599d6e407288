import { BudgetExhausted } from '#libs/request-budget';

interface Waiting {
  readonly admit: () => void;
}

/**
 * Bounds the calls in progress to the connections there are, first come, first served. A call that
 * waited inside the HTTP client would spend its deadline there, and its outcome would then be unknown
 * although it was never sent.
 */
export class ConnectionSlots {
  readonly #queue = new Set<Waiting>();
  #free: number;

  constructor(connections: number) {
    this.#free = connections;
  }

  /**
   * @param waitMs the longest wait: as long as the permit of the call may be used
   * @returns gives the slot back
   * @throws BudgetExhausted when none becomes free in time
   * @throws the signal's reason
   */
  async enter(waitMs: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
    } else {
      await this.#wait(waitMs, signal);
    }
    return () => {
      const [next] = this.#queue;
      if (next) next.admit();
      else this.#free += 1;
    };
  }

  /** Resolves with a slot that another call has given back. */
  async #wait(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#queue.delete(waiting);
      };
      const waiting: Waiting = {
        admit: () => {
          leave();
          resolve();
        },
      };
      const abort = (): void => {
        leave();
        reject(signal?.reason as Error); // any reason is allowed, an Error by convention
      };
      const timer = setTimeout(() => {
        leave();
        reject(new BudgetExhausted(1, { waitedFor: 'a connection' }));
      }, waitMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.#queue.add(waiting);
    });
  }
}
