/**
 * Aborts a call after the timeout, or with the caller's own signal. An answer that has arrived by then is
 * read first: the timers of a process that was stopped fire before it reads its sockets.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(
    timeoutMs: number,
    private readonly caller?: AbortSignal,
  ) {
    this.#timer = setTimeout(() => {
      setImmediate(() => {
        this.#controller.abort(new DOMException('the deadline has passed', 'TimeoutError'));
      });
    }, timeoutMs);
    this.#timer.unref();
    if (caller?.aborted) this.#abortWithCaller();
    else caller?.addEventListener('abort', this.#abortWithCaller);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The call is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.caller?.removeEventListener('abort', this.#abortWithCaller);
  }

  readonly #abortWithCaller = (): void => {
    this.#controller.abort(this.caller?.reason);
  };
}

/** A signal that aborts so long after the deadline. */
export function extended(deadline: AbortSignal, byMs: number): AbortSignal {
  const controller = new AbortController();
  const extend = (): void => {
    new Deadline(byMs).signal.addEventListener('abort', () => {
      controller.abort(deadline.reason);
    });
  };
  deadline.addEventListener('abort', extend, { once: true });
  return controller.signal;
}
