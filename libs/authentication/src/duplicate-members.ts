const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * Whether an object in the text, at any depth, names a member twice. Parsers differ in which one
 * they take (RFC 8259, section 4), so that two readers of one token could see different claims.
 *
 * @param json text that `JSON.parse` has accepted
 */
export function hasDuplicateMembers(json: string): boolean {
  const open: Set<string>[] = [];
  let members: Set<string> | undefined;
  for (let index = 0; index < json.length; index += 1) {
    const character = json.charCodeAt(index);
    if (character === OPEN) {
      members = new Set();
      open.push(members);
    }
    if (character === CLOSE) {
      open.pop();
      members = open.at(-1);
    }
    if (character !== QUOTE) continue;
    const end = endOfString(json, index + 1);
    if (isName(json, end + 1)) {
      const name = nameBetween(json, index, end);
      if (members?.has(name) === true) return true;
      members?.add(name);
    }
    index = end;
  }
  return false;
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

/** Whether a colon follows: strings that are values have none. */
function isName(json: string, index: number): boolean {
  let next = index;
  while (json.charCodeAt(next) <= 0x20) next += 1;
  return json.charCodeAt(next) === COLON;
}

function nameBetween(json: string, start: number, end: number): string {
  const raw = json.slice(start + 1, end);
  return raw.includes('\\') ? (JSON.parse(json.slice(start, end + 1)) as string) : raw; // a JSON string
}
