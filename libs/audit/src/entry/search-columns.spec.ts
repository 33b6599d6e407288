import { describe, expect, it } from 'vitest';
import { denied, issued } from '../testing/sample-events.js';
import { encodeEntry } from './encode-entry.js';
import { facetOf, searchId, searchIdsOf } from './search-columns.js';

const { entry } = encodeEntry(issued(), 0);
const without = encodeEntry({ ...denied(), actor: { kind: 'unauthenticated' } }, 0).entry;

describe('facetOf', () => {
  it('is the same for entries that differ in nothing of which there are few', () => {
    const facet = facetOf(entry);
    expect(facetOf(encodeEntry(issued(7), 1).entry)).toBe(facet);
    expect(facetOf(entry)).toBe(facet);
  });

  it('differs when one of its values does', () => {
    const others = [
      { ...entry, action: 'token.reuse' as const },
      { ...entry, outcome: 'failure' as const },
      { ...entry, reason: { code: 'x' } },
      { ...entry, actor: { ...entry.actor, kind: 'bot' as const } },
      { ...entry, actor: { ...entry.actor, isGuest: true } },
      { ...entry, policy: { rule: 'x', version: '1' } },
      { ...entry, policy: { rule: 'default', version: '2' } },
      { ...entry, upstream: { secretVersion: 'x' } },
      { ...entry, target: { ...entry.target, resource: 'x' } },
      { ...entry, ...(entry.token && { token: { ...entry.token, scopes: ['chat'] } }) },
    ];
    const facets = new Set([entry, ...others].map(facetOf));
    expect(facets.size).toBe(others.length + 1);
  });

  it('is that of the values, however many others there were before', () => {
    const facet = facetOf(entry);
    for (let nth = 0; nth < 20_000; nth += 1) facetOf({ ...entry, reason: { code: `${nth}` } });
    expect(facetOf(entry)).toBe(facet);
  });

  it('is there for an entry that has few members', () => {
    expect(facetOf(without)).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('searchIdsOf', () => {
  it('has request, trace and caller’s token', () => {
    const { request, actor } = entry;
    expect(searchIdsOf(entry).split(' ')).toEqual([
      searchId('requestId', request?.id ?? ''),
      searchId('traceId', request?.traceId ?? ''),
      searchId('tokenId', actor.tokenId ?? ''),
    ]);
  });

  it('leaves out what the entry lacks', () => {
    expect(searchIdsOf(without)).toBe('');
    const request = { id: 'r' };
    expect(searchIdsOf({ ...without, request })).toBe(searchId('requestId', 'r'));
  });

  it('distinguishes the kinds of ids', () => {
    expect(searchId('requestId', 'x')).not.toBe(searchId('traceId', 'x'));
  });
});
