import { isIPv4, isIPv6 } from 'node:net';

/**
 * A line in Common Event Format, by "Implementing ArcSight Common Event Format", version 25:
 *
 *     line      = "CEF:0|" field "|" field "|" field "|" field "|" field "|" severity "|" extension
 *     field     = *( %x20-7E / other except "|" and "\" / "\|" / "\\" )
 *     severity  = "0" to "10"
 *     extension = pair *( " " pair )
 *     pair      = key "=" value             ; key: one of the dictionary
 *     value     = *( any except "=", "\", CR and LF / "\=" / "\\" / "\n" / "\r" )
 *
 * A value ends before the last space in front of the next key and its equals sign.
 */
export interface CefEvent {
  /** Version, vendor, product, product version, event class, name, severity. */
  readonly header: readonly string[];
  readonly extension: Readonly<Record<string, string>>;
}

type Type = 'string' | 'time' | 'long' | 'ipv4' | 'ipv6';

/** Keys of the dictionary that exports use: their type, and for strings the maximum length. */
const dictionary: Readonly<Record<string, readonly [Type, number?]>> = {
  act: ['string', 63],
  c6a2: ['ipv6'],
  c6a2Label: ['string', 1023],
  cn1: ['long'],
  cn1Label: ['string', 1023],
  cnt: ['long'],
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6].flatMap((nth) => [
      [`cs${nth}`, ['string', 4000] as const],
      [`cs${nth}Label`, ['string', 1023] as const],
    ]),
  ),
  dntdom: ['string', 255],
  duid: ['string', 1023],
  duser: ['string', 1023],
  externalId: ['string', 40],
  flexString1: ['string', 1023],
  flexString1Label: ['string', 128],
  flexString2: ['string', 1023],
  flexString2Label: ['string', 128],
  msg: ['string', 1023],
  outcome: ['string', 63],
  reason: ['string', 1023],
  requestClientApplication: ['string', 1023],
  rt: ['time'],
  sntdom: ['string', 255],
  spriv: ['string', 1023],
  src: ['ipv4'],
  suid: ['string', 1023],
  suser: ['string', 1023],
};

/** Parses a line. @throws when it violates the grammar or the dictionary */
export function parseCef(line: string): CefEvent {
  if (/[\r\n]/.test(line)) throw new Error('a line break');
  if (!line.startsWith('CEF:0|')) throw new Error('the line does not begin with CEF:0');
  const header = ['CEF:0'];
  let at = 'CEF:0|'.length;
  while (header.length < 7) {
    const { text, end } = headerField(line, at);
    header.push(text);
    at = end + 1;
  }
  if (!/^(?:\d|10)$/.test(header[6] ?? '')) throw new Error(`severity ${header[6] ?? ''}`);
  return { header, extension: extensionOf(line.slice(at)) };
}

function headerField(line: string, start: number): { text: string; end: number } {
  let text = '';
  for (let at = start; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '|') return { text, end: at };
    if (character !== '\\') {
      text += character;
      continue;
    }
    at += 1;
    if (!['\\', '|'].includes(line.charAt(at)))
      throw new Error(`invalid escape at ${at} of the header`);
    text += line.charAt(at);
  }
  throw new Error('the header has fewer than 7 fields');
}

function extensionOf(text: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  let key = '';
  let value = '';
  const close = (): void => {
    if (key in pairs) throw new Error(`duplicate key ${key}`);
    assertType(key, value);
    pairs[key] = value;
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '=') {
      // The word before an unescaped equals sign is the next key.
      const blank = value.lastIndexOf(' ');
      const next = value.slice(blank + 1);
      value = blank === -1 ? '' : value.slice(0, blank);
      if (key !== '') close();
      else if (blank !== -1) throw new Error('the extension does not begin with a key');
      if (!(next in dictionary)) throw new Error(`unknown key ${next}`);
      [key, value] = [next, ''];
    } else if (character === '\\') {
      at += 1;
      const plain = { '\\': '\\', '=': '=', n: '\n', r: '\r' }[text.charAt(at)];
      if (plain === undefined) throw new Error(`invalid escape at ${at} of the extension`);
      value += plain;
    } else value += character;
  }
  close();
  return pairs;
}

function assertType(key: string, value: string): void {
  const [type, limit = 0] = dictionary[key] ?? ['string'];
  const isRight = {
    string: () => value.length <= limit,
    time: () => /^\d{13}$/.test(value),
    long: () => /^-?\d+$/.test(value) && Number.isSafeInteger(Number(value)),
    ipv4: () => isIPv4(value),
    ipv6: () => isIPv6(value),
  }[type]();
  if (!isRight) throw new Error(`${key} is not a ${type} of at most ${limit} characters: ${value}`);
}
