interface Flight<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  waiterCount: number;
}

/** Runs work once for all concurrent callers with the same key. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Joins the running work for the key, or starts it.
   *
   * @param work its signal aborts when no caller waits for the result any more
   * @param signal stops the waiting of this caller only
   * @returns the result, and whether this caller has started the work
   */
  async join(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<{ value: T; isLeader: boolean }> {
    signal?.throwIfAborted();
    const running = this.#flights.get(key);
    const flight = running ?? this.#start(key, work);
    flight.waiterCount += 1;
    const leave = (): void => {
      flight.waiterCount -= 1;
      if (flight.waiterCount > 0) return;
      flight.stop.abort(signal?.reason);
      this.#forget(key, flight);
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      const value = await (signal
        ? Promise.race([flight.result, rejection(signal)])
        : flight.result);
      return { value, isLeader: running === undefined };
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const stop = new AbortController();
    const result = work(stop.signal);
    const flight = { result, stop, waiterCount: 0 };
    this.#flights.set(key, flight);
    const end = (): void => {
      this.#forget(key, flight);
    };
    result.then(end, end);
    return flight;
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

async function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as Error); // of the signal's owner; default: a DOMException
      },
      { once: true },
    );
  });
}
