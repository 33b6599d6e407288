/** A line of a stream, counted from 1; an unreadable line has the problem instead of the text. */
export type StreamLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly problem: string };

/** Longer lines are not read. */
export const MAX_LINE_BYTES = 8 * 1024;

const NEWLINE = 0x0a;

/**
 * Splits a stream of bytes into lines. At most `MAX_LINE_BYTES` of a line are buffered. Empty lines
 * are counted but not yielded.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamLine> {
  let number = 0;
  let buffers: Uint8Array[] = [];
  let sizeBytes = 0;
  const append = (buffer: Uint8Array): void => {
    sizeBytes += buffer.length;
    if (sizeBytes <= MAX_LINE_BYTES) buffers.push(buffer);
    else buffers = [];
  };
  const finish = (): StreamLine | undefined => {
    number += 1;
    const line = toLine(number, buffers, sizeBytes);
    buffers = [];
    sizeBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      append(chunk.subarray(from, to));
      const line = finish();
      if (line) yield line;
      from = to + 1;
    }
    // A copy: a view would keep the whole chunk in memory.
    if (from < chunk.length) append(chunk.slice(from));
  }
  const last = sizeBytes > 0 ? finish() : undefined;
  if (last) yield last;
}

/** The chunks, until the signal aborts: then throws its reason, also while it waits for a chunk. */
export async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  // Nobody may be waiting when it rejects.
  aborted.promise.catch(() => undefined);
  const abort = (): void => {
    aborted.reject(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    // Not awaited: it may wait for a chunk that never arrives.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function toLine(
  number: number,
  buffers: readonly Uint8Array[],
  sizeBytes: number,
): StreamLine | undefined {
  if (sizeBytes > MAX_LINE_BYTES) {
    return { number, problem: `a line has at most ${MAX_LINE_BYTES} bytes` };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(buffers)).trim();
    return text === '' ? undefined : { number, text };
  } catch {
    return { number, problem: 'the line is not UTF-8' };
  }
}
