const BASE64_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_VALUES = new Map(Array.from(BASE64_DIGITS, (digit, value) => [digit, value]));

/** Padded base64 (RFC 4648 section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = bytes.subarray(at, at + 3);
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    text += BASE64_DIGITS.charAt(bits >> 18) + BASE64_DIGITS.charAt((bits >> 12) & 63);
    text += second === undefined ? '=' : BASE64_DIGITS.charAt((bits >> 6) & 63);
    text += third === undefined ? '=' : BASE64_DIGITS.charAt(bits & 63);
  }
  return text;
}

/** @returns the bytes, or `undefined` unless `text` is canonical padded base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/={1,2}$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  for (let at = 0; at < digits.length; at += 1) {
    bits = (bits << 6) | (BASE64_VALUES.get(digits.charAt(at)) ?? 0);
    // Each digit but the first of four completes a byte.
    if (at % 4 > 0) bytes[Math.floor((at * 3) / 4)] = bits >> (6 - 2 * (at % 4));
  }
  return encodeBase64(bytes) === text ? bytes : undefined;
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

/** Lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The bytes of hexadecimal digits, two for each. Other characters count as zero. */
export function bytesOfHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
