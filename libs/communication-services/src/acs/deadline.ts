/**
 * A signal that aborts after the timeout. An answer that has arrived by then is read first: the timers of
 * a process that was stopped fire before it reads its sockets.
 */
export function deadlineAfter(timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    setImmediate(() => {
      controller.abort(new DOMException('the deadline has passed', 'TimeoutError'));
    });
  }, timeoutMs);
  timer.unref();
  return controller.signal;
}

/** A signal that aborts so long after the deadline. */
export function extended(deadline: AbortSignal, byMs: number): AbortSignal {
  const controller = new AbortController();
  const extend = (): void => {
    deadlineAfter(byMs).addEventListener('abort', () => {
      controller.abort(deadline.reason);
    });
  };
  deadline.addEventListener('abort', extend, { once: true });
  return controller.signal;
}
