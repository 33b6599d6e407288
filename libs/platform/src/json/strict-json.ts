import { isUtf8 } from 'node:buffer';
import { hasDuplicateKeys } from './duplicate-keys.js';

/** Above the nesting of any document that the service reads. */
const MAX_DEPTH = 32;

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

const CONTROL = /[\u0000-\u001f\u007f]/;

/** Why a text is not strict JSON. The message never repeats the text. */
export class InvalidJson extends Error {
  override readonly name = 'InvalidJson';

  constructor(
    readonly reason: 'syntax' | 'duplicate-member' | 'text' | 'number' | 'depth',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Parses JSON that every reader understands alike and that PostgreSQL can store: valid UTF-8 without
 * a byte order mark, no duplicate members, no lone surrogates or control characters in texts, no
 * numbers that a double can't hold, limited nesting (RFC 7493, I-JSON).
 *
 * @throws InvalidJson
 */
export function parseStrictJson(source: Buffer | string): unknown {
  if (typeof source !== 'string' && !isUtf8(source))
    throw new InvalidJson('text', 'is not valid UTF-8');
  const text = typeof source === 'string' ? source : source.toString('utf8');
  const value = parsed(text);
  check(value, 0);
  if (hasDuplicateKeys(text, value))
    throw new InvalidJson('duplicate-member', 'has a member twice');
  return value;
}

/** JSON.parse refuses a byte order mark and anything after the value. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No cause: the parser's message would quote the text.
    throw new InvalidJson('syntax', 'is not well-formed JSON');
  }
}

function check(value: unknown, depth: number): void {
  if (typeof value === 'string') checkText(value);
  else if (typeof value === 'number') checkNumber(value);
  else if (typeof value === 'object' && value !== null) {
    if (depth >= MAX_DEPTH) throw new InvalidJson('depth', `is nested deeper than ${MAX_DEPTH}`);
    for (const [name, member] of Object.entries(value)) {
      checkText(name);
      if (name === '__proto__') throw new InvalidJson('text', 'has a member __proto__');
      check(member, depth + 1);
    }
  }
}

function checkText(text: string): void {
  if (CONTROL.test(text)) throw new InvalidJson('text', 'has a control character in a text');
  if (!text.isWellFormed()) throw new InvalidJson('text', 'has a lone surrogate in a text');
}

function checkNumber(value: number): void {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw new InvalidJson('number', 'has a number out of range');
}

/**
 * As `parseStrictJson`, for a file of an operator: some editors begin files with a byte order mark, which
 * is left out.
 *
 * @throws InvalidJson
 */
export function parseJsonFile(source: Buffer): unknown {
  const hasMark = source.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return parseStrictJson(hasMark ? source.subarray(BYTE_ORDER_MARK.length) : source);
}
