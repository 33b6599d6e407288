const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const COLON = 0x3a;

/**
 * Whether an object in the text, at any depth, has a duplicate key. Parsers differ in which value
 * they keep (RFC 8259, section 4), so two readers of one token could see different claims.
 *
 * @param value the result of `JSON.parse` on the text, which keeps the last of duplicate keys
 */
export function hasDuplicateKeys(json: string, value: unknown): boolean {
  const parsedCount = countParsedKeys(value);
  // The fast count is never too small, so equality proves that there are no duplicates.
  return countKeysFast(json) !== parsedCount && countKeys(json) !== parsedCount;
}

/** An upper bound: colons that follow a quote. Each key has one; strings may contain more. */
function countKeysFast(json: string): number {
  let count = 0;
  for (let colon = json.indexOf(':'); colon !== -1; colon = json.indexOf(':', colon + 1)) {
    let before = colon - 1;
    while (json.charCodeAt(before) <= 0x20) before -= 1;
    if (json.charCodeAt(before) === QUOTE) count += 1;
  }
  return count;
}

/** The keys in the text: strings that a colon follows. */
function countKeys(json: string): number {
  let count = 0;
  let start = json.indexOf('"');
  while (start !== -1) {
    const end = closingQuote(json, start + 1);
    if (isFollowedByColon(json, end + 1)) count += 1;
    start = json.indexOf('"', end + 1);
  }
  return count;
}

function countParsedKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner: unknown[] = Object.values(value);
  let count = Array.isArray(value) ? 0 : inner.length;
  for (const member of inner) if (typeof member === 'object') count += countParsedKeys(member);
  return count;
}

/** Index of the quote that closes a string. */
function closingQuote(json: string, start: number): number {
  let end = json.indexOf('"', start);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end;
}

function isEscaped(json: string, index: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(index - backslashes - 1) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

function isFollowedByColon(json: string, index: number): boolean {
  let next = index;
  while (json.charCodeAt(next) <= 0x20) next += 1;
  return json.charCodeAt(next) === COLON;
}
