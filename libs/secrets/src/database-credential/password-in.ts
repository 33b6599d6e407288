/** The password in the text of a file, without a byte order mark and a line break at the end. */
export function passwordIn(text: string): string {
  return text.replace(/^\uFEFF/, '').replace(/\r?\n$/, '');
}
