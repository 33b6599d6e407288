/** Splits text into its lines. @throws when the last line does not end with a line feed */
export function parseLines(text: string): string[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  return text.split('\n').slice(0, -1);
}

/** Parses newline-delimited JSON. @throws when bytes are not UTF-8, or a line is not JSON */
export function parseNdjson<Line = unknown>(content: Buffer | string): Line[] {
  const text =
    typeof content === 'string'
      ? content
      : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  return parseLines(text).map((line) => JSON.parse(line) as Line); // the caller names the type
}

/** Writes newline-delimited JSON; a string is taken as the text of its line. */
export function formatNdjson(lines: readonly (object | string)[]): string {
  return lines
    .map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
    .join('');
}
