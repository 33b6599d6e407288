import type { Readable } from 'node:stream';

/** What a client has to send within the timeout. */
const MIN_BYTES = 16 * 1024;

/**
 * Reads a body, and closes its connection when the client does not send it. Time in which the reader
 * does not wait for the client does not count.
 */
export async function* readBody(body: Readable, timeoutMs: number): AsyncGenerator<Uint8Array> {
  let waitedMs = 0;
  let bytes = 0;
  // Not destroyed when the reader ends early: the response uses the same connection.
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>; // the body has no encoding
  try {
    for (;;) {
      const startedAt = performance.now();
      let [isWaiting, isLate] = [true, false];
      const timer = setTimeout(() => {
        isLate = true;
        // The timers of a process that was stopped fire before it reads what arrived in time.
        setImmediate(() => {
          if (isWaiting) body.destroy();
        });
      }, timeoutMs - waitedMs);
      const next = await chunks.next().finally(() => {
        isWaiting = false;
        clearTimeout(timer);
      });
      if (next.done) return;
      waitedMs += performance.now() - startedAt;
      bytes += next.value.length;
      // Late and yet there: the process was stopped, and the client did not let it wait.
      if (bytes >= MIN_BYTES || isLate || waitedMs >= timeoutMs) [waitedMs, bytes] = [0, 0];
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}
