/** A line of a stream, counted from 1; a line that can't be read says why instead. */
export type StreamLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly problem: string };

/** The longest line of an import, in bytes. */
export const LINE_LIMIT_BYTES = 8 * 1024;

const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines, holding at most one line in memory, whatever is sent: the rest
 * of a line that is too long is passed over. Empty lines are counted and left out.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamLine> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const take = (part: Uint8Array): void => {
    sizeBytes += part.length;
    if (sizeBytes <= LINE_LIMIT_BYTES) parts.push(part);
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
    // A copy: the rest would keep the whole chunk alive.
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
  if (sizeBytes > LINE_LIMIT_BYTES) {
    return { number, problem: `a line has at most ${LINE_LIMIT_BYTES} bytes` };
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)).trim();
    return text === '' ? undefined : { number, text };
  } catch {
    return { number, problem: 'the line is not UTF-8' };
  }
}
