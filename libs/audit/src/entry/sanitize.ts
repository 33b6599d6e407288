import { hash } from 'node:crypto';

// Control characters, line and paragraph separators, directional and zero-width marks, lone surrogates:
// characters that break lines, hide text, move a cursor or are rejected by parsers of other systems.
const UNSAFE_CHARACTERS =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** A text as entries hold it: each unsafe character is replaced by `\uXXXX`. */
export function escapeControlCharacters(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : text.replace(UNSAFE_CHARACTERS, escape);
}

/**
 * Escapes a text and limits it to `maxLength` characters plus a mark. The mark of a truncated text has
 * the length and the hash of the whole: `…[cut: 65536 characters, sha256 <base64url>]`.
 */
export function truncate(text: string, maxLength: number): string {
  if (text.length <= maxLength && PRINTABLE_ASCII.test(text)) return text;
  if (text.length <= maxLength) {
    const escaped = escapeControlCharacters(text);
    if (escaped.length <= maxLength) return escaped;
  }
  const digest = hash('sha256', text.toWellFormed(), 'base64url');
  const start = escapeControlCharacters(text.slice(0, maxLength))
    .slice(0, maxLength)
    .toWellFormed();
  return `${start}…[cut: ${text.length} characters, sha256 ${digest}]`;
}

/** As `truncate`, for a list: at most `maxValues` values of at most `maxLength` characters each. */
export function truncateList(
  values: readonly string[],
  maxValues: number,
  maxLength: number,
): string[] {
  const first = values.slice(0, maxValues).map((value) => truncate(value, maxLength));
  if (values.length <= maxValues) return first;
  const digest = hash('sha256', JSON.stringify(values).toWellFormed(), 'base64url');
  return [...first, `…[cut: ${values.length} values, sha256 ${digest}]`];
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
