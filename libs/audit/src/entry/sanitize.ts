import { hash } from 'node:crypto';

// Controls, line and paragraph separators, directional and zero-width marks, lone surrogates: what
// breaks lines, hides text, moves a cursor or is refused by a parser further down the road.
const UNSAFE_CHARACTERS =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** A text as the log keeps it: each hostile character is written out as `\uXXXX`. */
export function escapeControlCharacters(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : text.replace(UNSAFE_CHARACTERS, escape);
}

/**
 * A harmless text of at most `limit` characters and a mark. What is too long is cut, and the mark
 * keeps the length and the hash of the whole: `…[cut: 65536 characters, sha256 <base64url>]`.
 */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit && PRINTABLE_ASCII.test(text)) return text;
  if (text.length <= limit) {
    const whole = escapeControlCharacters(text);
    if (whole.length <= limit) return whole;
  }
  const digest = hash('sha256', text.toWellFormed(), 'base64url');
  const start = escapeControlCharacters(text.slice(0, limit)).slice(0, limit).toWellFormed();
  return `${start}…[cut: ${text.length} characters, sha256 ${digest}]`;
}

/** The same for a list: at most `limit` values, each of at most `textLimit` characters. */
export function truncateList(
  values: readonly string[],
  limit: number,
  textLimit: number,
): string[] {
  const kept = values.slice(0, limit).map((value) => truncate(value, textLimit));
  if (values.length <= limit) return kept;
  const digest = hash('sha256', JSON.stringify(values).toWellFormed(), 'base64url');
  return [...kept, `…[cut: ${values.length} values, sha256 ${digest}]`];
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
