import { hash } from 'node:crypto';
import type { AuditEntry } from './audit-entry.js';

/** What precedes an id in the text whose hash `search_ids` has. */
const SEARCH_ID_KINDS = {
  requestId: 'request',
  traceId: 'trace',
  tokenId: 'token',
} as const;

/** Hexadecimal digits of a hash in a column: 64 bits, and 52 as a number. */
const FACET_DIGITS = 16;
const ID_DIGITS = 13;

/** More combinations than a log has. Bounds the memory. */
const MAX_FACETS = 10_000;

const facets = new Map<string, string>();

/**
 * The combination of those values of an entry of which there are few, as a hash: one index of it serves
 * searches by each of the values. `EntryFacets` names them for searches.
 */
export function facetOf({ action, outcome, reason, actor, policy, ...rest }: AuditEntry): string {
  const { upstream, target, token } = rest;
  const values = JSON.stringify([
    ...[action, outcome, reason?.code, actor.kind, actor.isGuest, policy?.rule, policy?.version],
    ...[upstream?.secretVersion, target?.resource, token?.scopes],
  ]);
  const known = facets.get(values);
  if (known !== undefined) return known;
  if (facets.size >= MAX_FACETS) facets.clear();
  const facet = digest(values, FACET_DIGITS);
  facets.set(values, facet);
  return facet;
}

/**
 * The hashes of request, trace and caller's token, separated by blanks. As numbers, which PostgreSQL
 * indexes at half the cost of texts.
 */
export function searchIdsOf({ request, actor }: AuditEntry): string {
  const ids: string[] = [];
  if (request) ids.push(searchId('requestId', request.id));
  if (request?.traceId !== undefined) ids.push(searchId('traceId', request.traceId));
  if (actor.tokenId !== undefined) ids.push(searchId('tokenId', actor.tokenId));
  return ids.join(' ');
}

/** @param id as in an entry */
export function searchId(kind: keyof typeof SEARCH_ID_KINDS, id: string): string {
  return String(Number(`0x${digest(`${SEARCH_ID_KINDS[kind]} ${id}`, ID_DIGITS)}`));
}

function digest(text: string, digits: number): string {
  return hash('sha256', text, 'hex').slice(0, digits);
}
