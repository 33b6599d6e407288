import { errorCode } from '../errors/error-code.js';

const MAX_STRING_LENGTH = 1_024;
const MAX_STACK_LENGTH = 2_048;
const MAX_ITEMS = 20;
const MAX_MEMBERS = 40;
const MAX_DEPTH = 6;
/** Errors in a chain of causes, and errors of one that stands for several. */
const MAX_CAUSES = 4;
const MAX_ERRORS = 3;
/** Class of the SQLSTATE codes for values that do not fit, such as `22P02`. */
const DATA_EXCEPTION = '22';
/** Characters of all names and values of a line together. */
const MAX_LINE_LENGTH = 8_192;

/** What remains for the rest of a line. */
interface Space {
  left: number;
  readonly path: Set<object>;
  readonly stacks: Set<string>;
  readonly mask: (text: string) => string;
}

/**
 * The fields of a log line in a bounded size, as plain data. What is cut says how long it was. An error
 * has its name, message, code and cause, and its stack unless the line has the same one already.
 *
 * @param mask hides secrets; it sees a text before it is cut
 */
export function boundedFields(fields: object, mask: (text: string) => string): object {
  const space = { left: MAX_LINE_LENGTH, path: new Set<object>(), stacks: new Set<string>(), mask };
  const bounded = valueOf(fields, space, 0);
  return typeof bounded === 'object' && bounded !== null && !Array.isArray(bounded)
    ? bounded
    : { fields: bounded };
}

/** The start of a text, with its length when it was longer. */
export function boundedText(
  text: string,
  mask: (text: string) => string,
  maxLength = MAX_STRING_LENGTH,
): string {
  // Masking costs time in the length of the text; a secret is shorter than the distance of the two cuts.
  const masked = mask(text.slice(0, maxLength + MAX_LINE_LENGTH));
  if (text.length <= maxLength && masked.length <= maxLength) return masked;
  return `${masked.slice(0, maxLength)}… (${text.length} characters)`;
}

function valueOf(value: unknown, space: Space, depth: number): unknown {
  if (typeof value === 'string') return textOf(value, space, MAX_STRING_LENGTH);
  if (typeof value === 'bigint') return textOf(String(value), space, MAX_STRING_LENGTH);
  if (typeof value !== 'object' || value === null) {
    space.left -= 8;
    return typeof value === 'function' || typeof value === 'symbol' ? undefined : value;
  }
  if (space.path.has(value)) return '[circular]';
  if (space.left <= 0 || depth > MAX_DEPTH) return '[left out]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  space.path.add(value);
  try {
    return containerOf(value, space, depth);
  } catch {
    // A getter or a proxy that throws must not cost the line.
    return '[unreadable]';
  } finally {
    space.path.delete(value);
  }
}

function containerOf(value: object, space: Space, depth: number): unknown {
  if (isError(value)) return errorOf(value, space, depth);
  if (Array.isArray(value)) return listOf(value, space, depth);
  if (value instanceof Map) return listOf([...value].slice(0, MAX_ITEMS + 1), space, depth);
  if (value instanceof Set) return listOf([...value].slice(0, MAX_ITEMS + 1), space, depth);
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return valueOf((value.toJSON as () => unknown)(), space, depth + 1);
  return membersOf(Object.entries(value), space, depth);
}

function membersOf(
  entries: readonly (readonly [string, unknown])[],
  space: Space,
  depth: number,
): object {
  const members: Record<string, unknown> = {};
  for (const [index, [name, value]] of entries.entries()) {
    if (index >= MAX_MEMBERS || space.left <= 0) {
      members['…'] = `${entries.length - index} more`;
      break;
    }
    const shortName = textOf(name, space, 64);
    Object.defineProperty(members, shortName, {
      value: valueOf(value, space, depth + 1),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return members;
}

function listOf(items: readonly unknown[], space: Space, depth: number): unknown[] {
  const bounded: unknown[] = [];
  for (const item of items.slice(0, MAX_ITEMS)) {
    if (space.left <= 0) break;
    bounded.push(valueOf(item, space, depth + 1));
  }
  if (items.length > bounded.length) bounded.push(`${items.length - bounded.length} more`);
  return bounded;
}

function errorOf(error: Error, space: Space, depth: number, causes = 1): unknown {
  // Anything may have been assigned to them.
  const { name, message, stack, cause }: Partial<Record<keyof Error, unknown>> = error;
  const code = errorCode(error);
  const errors = 'errors' in error && Array.isArray(error.errors) ? error.errors : [];
  const shown = code?.startsWith(DATA_EXCEPTION) ? withoutValues(String(message)) : String(message);
  return {
    name: textOf(String(name), space, 128),
    message: textOf(shown, space, MAX_STRING_LENGTH),
    ...(code !== undefined && { code: textOf(code, space, 128) }),
    ...stackOf(stack, space),
    ...(errors.length > 0 && {
      errors: [
        ...errors.slice(0, MAX_ERRORS).map((one) => causeOf(one, space, depth, causes)),
        ...(errors.length > MAX_ERRORS ? [`${errors.length - MAX_ERRORS} more`] : []),
      ],
    }),
    ...(cause !== undefined && { cause: causeOf(cause, space, depth, causes) }),
  };
}

/** PostgreSQL quotes the value that it refuses. */
function withoutValues(message: string): string {
  return message.replaceAll(/"[^"]*"/g, '"…"');
}

function causeOf(cause: unknown, space: Space, depth: number, causes: number): unknown {
  // What is thrown but is no error may hold anything, such as a request with its headers.
  if (!isError(cause))
    return typeof cause === 'string' ? valueOf(cause, space, depth) : typeof cause;
  if (space.path.has(cause)) return '[circular]';
  if (causes >= MAX_CAUSES || space.left <= 0) return '[left out]';
  space.path.add(cause);
  const bounded = errorOf(cause, space, depth, causes + 1);
  space.path.delete(cause);
  return bounded;
}

/** The frames only: the message is a member of its own. */
function stackOf(stack: unknown, space: Space): { readonly stack?: string } {
  if (typeof stack !== 'string') return {};
  const frames = /(?:^|\n) {4}at [^]*$/.exec(stack.slice(0, 64 * 1_024))?.[0].trim();
  if (frames === undefined || space.stacks.has(frames)) return {};
  space.stacks.add(frames);
  return { stack: textOf(frames, space, MAX_STACK_LENGTH) };
}

function textOf(text: string, space: Space, maxLength: number): string {
  const bounded = boundedText(text, space.mask, Math.max(0, Math.min(maxLength, space.left)));
  space.left -= bounded.length + 4;
  return bounded;
}

function isError(value: unknown): value is Error {
  return value instanceof Error;
}
