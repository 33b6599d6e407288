import type { RequestFault } from './request-errors.js';

/** The longest request target, in bytes. The longest that a route needs has about 2,000. */
export const MAX_TARGET_LENGTH = 8_192;

const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * What is wrong with a request target (RFC 9112, section 3.2) up to its query, as far as two readers
 * could understand it differently or could not store it; `undefined` when nothing is.
 */
export function pathFault(target: string): string | undefined {
  if (/[^\x21-\x7e]/.test(target)) return 'The target has characters other than printable ASCII.';
  const decoded = percentDecoded(target.split('?', 1)[0] ?? '');
  if (decoded === undefined) return 'The path has an invalid percent-encoding.';
  if (CONTROL.test(decoded)) return 'The path has control characters.';
  const hasDots = decoded.split(/[/\\]/).some((segment) => segment === '.' || segment === '..');
  return hasDots ? 'The path has segments "." or "..".' : undefined;
}

/** Parameters that may be repeated. Of others two readers could take different values. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'action',
  'actionNot',
  'actorKind',
  'actorSubjectNot',
  'dimension',
  'include',
  'outcome',
  'reasonCode',
]);

/** The same of the query. */
export function queryFault(target: string): RequestFault | undefined {
  for (const parameter of parametersOf(target)) {
    const decoded = percentDecoded(parameter);
    if (decoded === undefined) return { pointer: '', detail: 'has an invalid percent-encoding' };
    if (CONTROL.test(decoded)) return { pointer: '', detail: 'has control characters' };
  }
  return undefined;
}

/** What is wrong with the query of a target without a fault, for a route that reads its query. */
export function repetitionFault(target: string): RequestFault | undefined {
  const names = new Set<string>();
  for (const parameter of parametersOf(target)) {
    const [encodedName = ''] = parameter.split('=', 1);
    const name = percentDecoded(encodedName.replaceAll('+', ' ')) ?? '';
    const isRepeatable = target.startsWith('/v1/audit/') && REPEATABLE.has(name);
    if (names.has(name) && !isRepeatable) return { pointer: `/${name}`, detail: 'is given twice' };
    names.add(name);
  }
  return undefined;
}

function parametersOf(target: string): readonly string[] {
  const start = target.indexOf('?');
  if (start === -1) return [];
  return target
    .slice(start + 1)
    .split('&')
    .filter((parameter) => parameter !== '');
}

/** `undefined` unless every percent sign begins an encoded byte and the bytes are UTF-8. */
function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
