import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import { type Content, jsonSchemaOf } from '../http/endpoint.js';
import { NDJSON } from './ndjson-body-parser.js';

/** Lines are collected up to this size, in characters, so that many short ones make few writes. */
const CHUNK_SIZE = 16 * 1024;

/** An answer of newline-delimited JSON, as `Endpoint` documents it. */
export function ndjson(line: z.ZodType): Content {
  return {
    mediaTypes: [NDJSON],
    schema: { type: 'string', contentMediaType: NDJSON, contentSchema: jsonSchemaOf(line) },
    description: 'One JSON object a line.',
  };
}

/**
 * Answers with values as lines of JSON. What the generator returns becomes the last line,
 * `{"summary": …}`.
 *
 * @param isWanted whether a value gets a line; default all
 */
export function ndjsonResponse<Value, Summary>(
  values: AsyncGenerator<Value, Summary>,
  isWanted: (value: Value) => boolean = () => true,
): StreamableFile {
  const lines = chunksOf(values, isWanted);
  return new StreamableFile(Readable.from(lines, { objectMode: false }), { type: NDJSON });
}

async function* chunksOf<Value, Summary>(
  values: AsyncGenerator<Value, Summary>,
  isWanted: (value: Value) => boolean,
): AsyncGenerator<string> {
  let chunk = '';
  try {
    for (;;) {
      const next = await values.next();
      if (next.done) {
        if (next.value !== undefined) chunk += `${JSON.stringify({ summary: next.value })}\n`;
        if (chunk !== '') yield chunk;
        return;
      }
      if (!isWanted(next.value)) continue;
      chunk += `${JSON.stringify(next.value)}\n`;
      if (chunk.length < CHUNK_SIZE) continue;
      yield chunk;
      chunk = '';
    }
  } finally {
    // The caller may have hung up in the middle.
    await values.return(undefined as Summary); // nothing reads the summary then
  }
}
