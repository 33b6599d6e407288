import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { progressBar } from './progress-bar.js';
import { standardOutput } from '../standard-output.js';

/** The result of a line of an import. */
interface LineResult {
  readonly line: number;
  readonly error?: { readonly code: string; readonly detail: string };
}

/** Imports a file with a progress bar, and prints each line that failed. @returns the summary */
export async function importFile<Summary>(
  file: string,
  run: (chunks: AsyncIterable<Uint8Array>) => Promise<AsyncGenerator<LineResult, Summary>>,
): Promise<Summary> {
  const sizeBytes = (await stat(file)).size;
  const bar = progressBar('bytes');
  const results = await run(
    chunksOf(file, (doneBytes) => {
      bar.show(doneBytes, sizeBytes);
    }),
  );
  for (;;) {
    const next = await results.next();
    if (next.done) {
      bar.end();
      return next.value;
    }
    const { line, error } = next.value;
    if (error) console.error(`line ${line}: ${error.code}: ${error.detail}`);
  }
}

/**
 * Writes values as lines of JSON.
 *
 * @param output a file that must not exist; absent: standard output
 * @returns their number
 */
export async function writeLines(
  values: AsyncIterable<object>,
  output: string | undefined,
): Promise<number> {
  let count = 0;
  const lines = asText(values, () => {
    count += 1;
  });
  if (output === undefined) for await (const line of lines) standardOutput.write(line);
  // Names and identities of people: readable by the operator only.
  else await pipeline(lines, createWriteStream(output, { flags: 'wx', mode: 0o600 }));
  return count;
}

async function* chunksOf(
  file: string,
  onProgress: (doneBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    yield chunk;
    doneBytes += chunk.length;
    onProgress(doneBytes);
  }
}

async function* asText(lines: AsyncIterable<object>, onLine: () => void): AsyncGenerator<string> {
  for await (const line of lines) {
    yield `${JSON.stringify(line)}\n`;
    onLine();
  }
}
