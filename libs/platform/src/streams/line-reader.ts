import { TimeSlices } from '../workload/time-slices.js';

/** A line of a stream, counted from 1; an unreadable line has the problem instead of the text. */
export type StreamLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly problem: string };

/** Bounds of a stream. What is beyond them is not read. */
export interface StreamLimits {
  /** Empty lines count. */
  readonly maxLines: number;
  readonly maxBytes: number;
}

/** The stream exceeds its limits. */
export class StreamTooLong extends Error {
  override readonly name = 'StreamTooLong';

  /** @param line the first line that was not read */
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(message);
  }
}

/** Longer lines are not read. */
export const MAX_LINE_BYTES = 8 * 1024;

const NEWLINE = 0x0a;
/** Lines between two looks at the clock. */
const LINES_PER_CHECK = 64;

/**
 * Splits a stream of bytes into lines, in slices of the event loop. At most `MAX_LINE_BYTES` of a line
 * are buffered. Empty lines are counted but not yielded.
 *
 * @throws StreamTooLong
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  { maxLines, maxBytes }: Partial<StreamLimits> = {},
): AsyncGenerator<StreamLine> {
  const slices = new TimeSlices();
  let number = 0;
  let totalBytes = 0;
  let buffers: Uint8Array[] = [];
  let sizeBytes = 0;
  const append = (buffer: Uint8Array): void => {
    if (buffer.length === 0) return;
    sizeBytes += buffer.length;
    if (sizeBytes <= MAX_LINE_BYTES) buffers.push(buffer);
    else buffers = [];
  };
  const finish = (): StreamLine | undefined => {
    number += 1;
    if (maxLines !== undefined && number > maxLines) {
      throw new StreamTooLong(number, `an import has at most ${maxLines} lines; empty ones count`);
    }
    if (sizeBytes === 0) return undefined;
    const line = toLine(number, buffers, sizeBytes);
    buffers = [];
    sizeBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    totalBytes += chunk.length;
    if (maxBytes !== undefined && totalBytes > maxBytes) {
      throw new StreamTooLong(number + 1, `an import has at most ${maxBytes} bytes`);
    }
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      if (number % LINES_PER_CHECK === 0 && slices.isOver) await slices.next();
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

/**
 * Splits a stream of bytes into batches of parsed lines, in slices of the event loop.
 *
 * @param options.stopSignal its reason is thrown also while a chunk is awaited
 * @throws StreamTooLong after the lines within the limits
 */
export async function* readBatches<T>(
  chunks: AsyncIterable<Uint8Array>,
  {
    batchLines,
    stopSignal,
    limits,
  }: {
    readonly batchLines: number;
    readonly stopSignal?: AbortSignal | undefined;
    readonly limits?: StreamLimits | undefined;
  },
  parse: (line: StreamLine) => T,
): AsyncGenerator<T[]> {
  const stoppable = stopSignal ? untilAborted(chunks, stopSignal) : chunks;
  let batch: T[] = [];
  let excess: StreamTooLong | undefined;
  const slices = new TimeSlices();
  try {
    for await (const line of readLines(stoppable, limits)) {
      if (slices.isOver) await slices.next();
      batch.push(parse(line));
      if (batch.length < batchLines) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (!(error instanceof StreamTooLong)) throw error;
    excess = error;
  }
  if (batch.length > 0) yield batch;
  if (excess) throw excess;
}

/** The chunks, until the signal aborts: then throws its reason, also while it waits for a chunk. */
async function* untilAborted(
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
