import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { z } from 'zod';
import { EXPORT_FORMATS, type ExportChunk, type ExportFormat } from '#libs/audit';
import type { Content } from '../http/endpoint.js';
import { logIndex } from './query-fields.js';

const formats = ['ndjson', 'csv', 'cef', 'ocsf', 'ecs'] as const satisfies readonly ExportFormat[];

export const exportQuery = z.strictObject({
  format: z.enum(formats).default('ndjson'),
  fromIndex: logIndex()
    .prefault('0')
    .describe('where to begin: one more than the index of the last entry that arrived'),
});

export type ExportRequest = z.output<typeof exportQuery>;

/** An export as `Endpoint` documents it. */
export const exportContent: Content = {
  mediaTypes: [...new Set(formats.map((format) => essence(EXPORT_FORMATS[format].mediaType)))],
  schema: { type: 'string' },
};

/**
 * Sends entries as fast as the client takes them, and no faster.
 *
 * What goes wrong before the first of them is an answer of its own. What goes wrong later cuts the
 * connection before the end of the body: a client can't take it for the whole.
 */
export async function entryStream(
  pieces: AsyncGenerator<ExportChunk, undefined>,
  { format }: ExportRequest,
): Promise<StreamableFile> {
  const first = await pieces.next();
  const texts = Readable.from(textsOf(first, pieces), { highWaterMark: 1 });
  return new StreamableFile(texts, { type: EXPORT_FORMATS[format].mediaType });
}

async function* textsOf(
  first: IteratorResult<ExportChunk, undefined>,
  rest: AsyncGenerator<ExportChunk, undefined>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value.text;
  for await (const { text } of rest) yield text;
}

function essence(mediaType: string): string {
  return mediaType.split(';', 1)[0] ?? mediaType;
}
