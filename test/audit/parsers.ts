/** Parsers of what an export gives, written after the formats' own specifications. */

/** Comma-separated values (RFC 4180), by the names of the first row. */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text.charAt(at + 1) === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
      continue;
    }
    if (character === '"' && cell === '') isQuoted = true;
    else if (character === ',' || character === '\n') {
      rows.at(-1)?.push(cell);
      cell = '';
      if (character === '\n') rows.push([]);
    } else if (character !== '\r') cell += character;
  }
  if (isQuoted) throw new Error('the text ends inside quotation marks');
  const [names = [], ...records] = rows.filter((row) => row.length > 0);
  return records.map((record) => {
    if (record.length !== names.length) throw new Error('a row has another length than the first');
    return Object.fromEntries(names.map((name, nth) => [name, record[nth] ?? '']));
  });
}

/** A line of ArcSight's Common Event Format: the seven fields of its header, and its extension. */
export function parseCef(line: string): {
  readonly header: readonly string[];
  readonly extension: Readonly<Record<string, string>>;
} {
  const parts = line.split(/(?<!(?<!\\)(?:\\\\)*\\)\|/);
  const header = parts.slice(0, 7).map((field) => field.replaceAll(/\\([\\|])/g, '$1'));
  if (header.length !== 7 || header[0] !== 'CEF:0') throw new Error('this is no line of CEF');
  const text = parts.slice(7).join('|');
  // A key is a word before an equals sign that no backslash escapes.
  const keys = [...text.matchAll(/(?:^| )(\w+)=/g)].filter(
    ({ index, 0: whole }) => text[index + whole.length - 2] !== '\\',
  );
  const pairs = keys.map(({ index, 0: whole, 1: key = '' }, nth) => {
    const value = text.slice(index + whole.length, keys[nth + 1]?.index ?? text.length);
    const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r' };
    return [key, value.replaceAll(/\\(.)/g, (_, next: string) => escapes[next] ?? next)] as const;
  });
  return { header, extension: Object.fromEntries(pairs) };
}
