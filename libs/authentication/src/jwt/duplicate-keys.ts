const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const COLON = 0x3a;

/**
 * Whether an object in the text, at any depth, names a member twice. Parsers differ in which one
 * they take (RFC 8259, section 4), so that two readers of one token could see different claims.
 *
 * @param value what `JSON.parse` made of the text: of members with one name it keeps the last
 */
export function hasDuplicateKeys(json: string, value: unknown): boolean {
  const members = countMembers(value);
  // The quick count is never too small: where it fits, there is no name to spare.
  return mostNames(json) !== members && countNames(json) !== members;
}

/** How many colons follow a quote: each name has one, and strings may hold further ones. */
function mostNames(json: string): number {
  let count = 0;
  for (let colon = json.indexOf(':'); colon !== -1; colon = json.indexOf(':', colon + 1)) {
    let before = colon - 1;
    while (json.charCodeAt(before) <= 0x20) before -= 1;
    if (json.charCodeAt(before) === QUOTE) count += 1;
  }
  return count;
}

/** How many strings in the text name a member: those that a colon follows. */
function countNames(json: string): number {
  let count = 0;
  let start = json.indexOf('"');
  while (start !== -1) {
    const end = endOfString(json, start + 1);
    if (isFollowedByColon(json, end + 1)) count += 1;
    start = json.indexOf('"', end + 1);
  }
  return count;
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner: unknown[] = Object.values(value);
  let count = Array.isArray(value) ? 0 : inner.length;
  for (const member of inner) if (typeof member === 'object') count += countMembers(member);
  return count;
}

/** Where the string that starts at `start` has its closing quote. */
function endOfString(json: string, start: number): number {
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
