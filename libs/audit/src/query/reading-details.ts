// What the entry of a reading says about its query and its result.
import type { AuditEvent } from '../trail/audit-event.js';
import type { TokenTrace } from './token-tracer.js';

/** Whose token a trace has found. */
export function resultOf({ entries: [first] }: TokenTrace): Pick<AuditEvent, 'target'> {
  return first?.entry.target ? { target: first.entry.target } : {};
}

/** Which token a trace was for, and what it found. */
export function resultDetails(
  { entries, liveSiblings, untriedKeys }: TokenTrace,
  fingerprints: readonly string[],
): NonNullable<AuditEvent['details']> {
  const fingerprint = entries[0]?.entry.token?.fingerprint ?? fingerprints[0];
  return {
    ...(fingerprint !== undefined && { fingerprint }),
    found: entries.length,
    ...(entries[0] && { firstEntry: entries[0].entry.id }),
    liveSiblings: liveSiblings.length,
    ...(untriedKeys.length > 0 && { untriedKeys }),
  };
}

type Details = NonNullable<AuditEvent['details']>;

const PERSONAL_FILTERS: readonly string[] = ['clientAddress', 'address', 'displayName'];

/** Filters that take any text, and so also a name: somebody typed it, and nobody can erase it from an entry. */
const TEXT_FILTERS: readonly string[] = [
  ...['reasonText', 'resource', 'rule', 'policyVersion', 'secretVersion', 'scope'],
  ...['actorTenant', 'actorSubject', 'actorSubjectNot', 'clientApp', 'tokenId'],
  ...['targetTenant', 'targetSubject', 'requestId'],
];

/** GUIDs, hexadecimal numbers, and the `uti` of a token of Entra: 16 bytes in base64url, so with one of four ends. */
const ID = /^(?:[\dA-Fa-f-]{32,36}|[\w-]{21}[AQgw])$/;

/**
 * A query as details of its entry. Of filters by personal data only the presence is recorded, and of a text that
 * is no id, its length.
 */
export function asDetails(query: object): Details {
  const members = Object.entries(query).map(
    ([name, value]) => [name, asDetail(name, value)] as const,
  );
  return Object.fromEntries(members.filter(([, value]) => value !== undefined)) as Details;
}

/** An id as it is; of any other text, which may be a name, its length: `given, 12 characters`. */
export function searchedText(text: string): string {
  return ID.test(text) ? text : `given, ${text.length} characters`;
}

function asDetail(name: string, value: unknown): Details[string] | undefined {
  if (value === undefined) return undefined;
  if (PERSONAL_FILTERS.includes(name)) return 'given';
  if (value instanceof Date) return value.toISOString();
  const isText = TEXT_FILTERS.includes(name);
  if (Array.isArray(value))
    return value.map(String).map((text) => (isText ? searchedText(text) : text));
  if (isText && typeof value === 'string') return searchedText(value);
  const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
  return isPlain ? (value as string | number | boolean) : undefined;
}
