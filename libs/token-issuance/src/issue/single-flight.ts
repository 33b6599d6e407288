interface Flight<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

/** Work of which equal pieces that are asked for at the same time are done once. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Joins the work under way for the key, or starts it.
   *
   * @param work gets a signal that aborts once nobody waits for it any more
   * @param signal ends the waiting of this caller alone
   */
  async join(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<{ value: T; isLeader: boolean }> {
    signal?.throwIfAborted();
    const known = this.#flights.get(key);
    const flight = known ?? this.#start(key, work);
    flight.waiting += 1;
    const leave = (): void => {
      flight.waiting -= 1;
      if (flight.waiting > 0) return;
      flight.stop.abort(signal?.reason);
      this.#forget(key, flight);
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      const value = await (signal
        ? Promise.race([flight.result, rejection(signal)])
        : flight.result);
      return { value, isLeader: known === undefined };
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const stop = new AbortController();
    const result = work(stop.signal);
    const flight = { result, stop, waiting: 0 };
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
        reject(signal.reason as Error); // whatever the signal's owner gave; a DOMException by default
      },
      { once: true },
    );
  });
}
