// Reads what exports give, with nothing of this project.
import { parse } from 'csv-parse/sync';

/**
 * Comma-separated values (RFC 4180), by the names of the first row.
 *
 * @throws when a row is longer or shorter than the first, or quotation marks stand where they may not
 */
export function parseCsv(text: string): Record<string, string>[] {
  return parse<Record<string, string>>(text, {
    columns: true,
    relax_column_count: false,
    relax_quotes: false,
  });
}

/** Newline-delimited JSON. @throws when the bytes are no UTF-8, or a line is no JSON */
export function parseNdjson(bytes: Buffer): unknown[] {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}
