import { parse } from 'csv-parse/sync';

/**
 * Parses comma-separated values (RFC 4180) into rows by the names in the first line.
 *
 * @throws when a row is longer or shorter than the first, or a quotation mark is misplaced
 */
export function parseCsv(text: string): Record<string, string>[] {
  return parse<Record<string, string>>(text, {
    columns: true,
    relax_column_count: false,
    relax_quotes: false,
  });
}
