import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MAX_LINE_BYTES, readLines, type StreamLimits, StreamTooLong } from './line-reader.js';

async function linesOf(chunks: readonly string[], limits?: Partial<StreamLimits>) {
  const lines = [];
  // oxlint-disable-next-line typescript/require-await -- as a stream gives them
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  for await (const line of readLines(bytes(), limits)) lines.push(line);
  return lines;
}

describe('readLines', () => {
  it('numbers lines across chunks, and skips empty ones', async () => {
    expect(await linesOf(['a\n\n  \nb', 'c\n', 'd'])).toEqual([
      { number: 1, text: 'a' },
      { number: 4, text: 'bc' },
      { number: 5, text: 'd' },
    ]);
  });

  it('reports a line that is too long, and continues', async () => {
    const [long, next] = await linesOf(['x'.repeat(MAX_LINE_BYTES), 'x\n', 'y\n']);
    expect(long).toMatchObject({ number: 1, problem: expect.any(String) as string });
    expect(next).toEqual({ number: 2, text: 'y' });
  });

  it.each([
    ['lines', { maxLines: 3 }, ['a\nb\nc\n', 'd\n']],
    ['empty lines', { maxLines: 3 }, ['a\n', '\n'.repeat(10)]],
    ['bytes', { maxBytes: 6 }, ['a\nb\nc\n', 'd']],
  ])('ends at the limit of %s', async (_what, limits, chunks) => {
    await expect(linesOf(chunks, limits)).rejects.toThrow(StreamTooLong);
  });

  it('accepts what is just within the limits', async () => {
    expect(await linesOf(['a\n\n', 'b'], { maxLines: 3, maxBytes: 4 })).toHaveLength(2);
  });

  it.each([
    ['empty lines', '\n'],
    ['white space', ' \n'],
    ['lines that are too short to be anything', 'x\n'],
  ])('lets the event loop run while it reads %s', async (_what, line) => {
    let isDone = false as boolean; // changes in a callback
    const chunk = line.repeat(65_536 / line.length);
    const read = linesOf(Array.from({ length: 16 }, () => chunk)).then(() => {
      isDone = true;
    });
    let iterations = 0;
    for (; !isDone; iterations += 1) await setImmediate();
    await read;
    // A megabyte takes far longer than one slice of the event loop.
    expect(iterations).toBeGreaterThan(10);
  });
});
