import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { z } from 'zod';
import { EXPORT_FORMATS, type ExportFormat } from '#libs/audit';
import type { Content } from '../http/endpoint.js';
import { consistent, filterFields } from './entry-query.js';
import { claim, logIndex } from './query-fields.js';

const formats = ['ndjson', 'csv', 'cef', 'ocsf', 'ecs'] as const satisfies readonly ExportFormat[];

export const exportQuery = consistent(
  z.strictObject({
    ...filterFields,
    format: z.enum(formats).default('ndjson'),
    fromIndex: logIndex()
      .prefault('0')
      .describe('first index to send: one more than that of the last entry received'),
    toIndex: logIndex().optional().describe('last index to send'),
    bom: claim()
      .optional()
      .describe('whether the text begins with a byte order mark, as spreadsheets need it'),
    summary: claim()
      .optional()
      .describe(
        'whether a last line follows, `{"summary":{"count":…,"firstIndex":…,"lastIndex":…,"isComplete":true}}`; for ndjson',
      ),
  }),
)
  .refine(({ fromIndex, toIndex }) => toIndex === undefined || toIndex >= fromIndex, {
    error: 'must not be less than fromIndex',
    path: ['toIndex'],
  })
  .refine(({ format, summary }) => summary !== true || format === 'ndjson', {
    error: 'is a line of ndjson only',
    path: ['summary'],
  });

export type ExportRequest = z.output<typeof exportQuery>;

/** An export as `Endpoint` documents it. */
export const exportContent: Content = {
  mediaTypes: [...new Set(formats.map((format) => essence(EXPORT_FORMATS[format].mediaType)))],
  schema: { type: 'string' },
};

interface TextPiece {
  readonly text: string;
}

/**
 * Sends entries no faster than the client reads them.
 *
 * A failure before the first entry is answered with its problem. A later one closes the connection
 * before the end of the body, so that the client knows that it is incomplete.
 *
 * @param signal aborts when the client closes the connection
 */
export async function entryStream(
  pieces: AsyncGenerator<TextPiece, undefined>,
  mediaType: string,
  signal: AbortSignal | undefined,
): Promise<StreamableFile> {
  const first = await pieces.next();
  const texts = Readable.from(textsOf(first, pieces), { highWaterMark: 1 });
  // A stream that nobody reads, because its reader has gone, would leave the export open.
  texts.once('close', () => void pieces.return(undefined));
  const destroy = (): void => void texts.destroy();
  if (signal?.aborted === true) destroy();
  else signal?.addEventListener('abort', destroy, { once: true });
  return new StreamableFile(texts, { type: mediaType });
}

async function* textsOf(
  first: IteratorResult<TextPiece, undefined>,
  rest: AsyncGenerator<TextPiece, undefined>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value.text;
  for await (const { text } of rest) yield text;
}

function essence(mediaType: string): string {
  return mediaType.split(';', 1)[0] ?? mediaType;
}
