/** Zero-width characters and soft hyphens, which mail and chat programs insert. */
const INVISIBLE = /[\u00AD\u200B-\u200D\u2060\uFEFF]/g;
/** A line that continues in the next one: of quoted-printable, of a shell, and of a quoted mail. */
const BROKEN_LINE = /[=\\]\r?\n|\r?\n[ \t]*[>|][>| \t]*/g;
/** The same where a field of one line has made blanks of line breaks. */
const BROKEN_LINE_OF_FIELD = /(?<=[\w.-]{40})= (?=[\w.-])/g;
/** A dot of quoted-printable or of an address. */
const ENCODED_DOT = /[=%]2E/gi;

/** The text without what programs put into a token that they show, quote or send. */
export function readableText(text: string): string {
  return withoutInvisible(text)
    .replaceAll(BROKEN_LINE, '')
    .replaceAll(BROKEN_LINE_OF_FIELD, '')
    .replaceAll(ENCODED_DOT, '.');
}

/** The text without zero-width characters and soft hyphens. */
export function withoutInvisible(text: string): string {
  return text.replaceAll(INVISIBLE, '');
}
