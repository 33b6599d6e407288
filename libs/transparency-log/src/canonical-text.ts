/** @returns the bytes, or `undefined` unless `text` is canonical padded base64. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/**
 * Parses a number as C2SP formats write it: ASCII digits, no sign, no leading zeros.
 *
 * @returns `undefined` for any other spelling, and for numbers above 2^53 - 1.
 */
export function parseDecimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) {
    return undefined;
  }
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
