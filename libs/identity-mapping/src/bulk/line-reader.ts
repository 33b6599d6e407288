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
  let parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const take = (part: Uint8Array): void => {
    sizeBytes += part.length;
    if (sizeBytes <= MAX_LINE_BYTES) parts.push(part);
    else parts = [];
  };
  const finish = (): StreamLine | undefined => {
    number += 1;
    const line = toLine(number, parts, sizeBytes);
    parts = [];
    sizeBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, to));
      const line = finish();
      if (line) yield line;
      from = to + 1;
    }
    // A copy: a view would keep the whole chunk in memory.
    if (from < chunk.length) take(chunk.slice(from));
  }
  const last = sizeBytes > 0 ? finish() : undefined;
  if (last) yield last;
}

function toLine(
  number: number,
  parts: readonly Uint8Array[],
  sizeBytes: number,
): StreamLine | undefined {
  if (sizeBytes > MAX_LINE_BYTES) {
    return { number, problem: `a line has at most ${MAX_LINE_BYTES} bytes` };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)).trim();
    return text === '' ? undefined : { number, text };
  } catch {
    return { number, problem: 'the line is not UTF-8' };
  }
}
