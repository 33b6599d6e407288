import { type AbortSignalLike, untilAborted } from './abort.js';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** Runs an operation once for all callers that wait at the same time. */
export class SharedFlight<T> {
  #flight: Flight<T> | undefined;

  constructor(private readonly start: (signal: AbortSignal) => Promise<T>) {}

  /** A caller that aborts leaves the others waiting. When all have aborted, the operation is, too. */
  async join(signal?: AbortSignalLike): Promise<T> {
    const flight = (this.#flight ??= this.#begin());
    flight.waiting += 1;
    try {
      return await untilAborted(flight.result, signal);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        this.#end(flight);
        flight.controller.abort();
      }
    }
  }

  #begin(): Flight<T> {
    const controller = new AbortController();
    const result = this.start(controller.signal);
    const flight = { result, controller, waiting: 0 };
    const end = (): void => {
      this.#end(flight);
    };
    result.then(end, end);
    return flight;
  }

  #end(flight: Flight<T>): void {
    if (this.#flight === flight) this.#flight = undefined;
  }
}
