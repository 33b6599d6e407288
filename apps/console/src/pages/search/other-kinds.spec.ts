import { describe, expect, it } from 'vitest';
import { otherKinds } from './other-kinds.js';

const namesOf = (...filter: Parameters<typeof otherKinds>): string[] =>
  otherKinds(...filter).map(({ name }) => name);

describe('what else an id may be', () => {
  it('is a trace where it is searched as a request, and the other way round', () => {
    const value = '7f3c2b1a9e8d4c6fb5a4039281706f5e';
    expect(namesOf({ name: 'requestId', value })).toContain('traceId');
    expect(namesOf({ name: 'traceId', value })).toContain('requestId');
  });

  it('is a request where it is searched as an identity, a session, a token or a name', () => {
    const uuid = '01939c1e-5d2a-7c11-9f00-00000000abcd';
    for (const name of ['identityId', 'tokenId', 'fingerprint', 'displayName'] as const)
      expect(namesOf({ name, value: uuid })).toContain('requestId');
  });

  it('is nothing that has another form', () => {
    expect(namesOf({ name: 'requestId', value: '01JDQ2W3ZC9Y7K8N5M4P6R1S0T' })).toEqual([
      ...['involvedSubject', 'actorSubject', 'targetSubject', 'tokenId'],
    ]);
    expect(namesOf({ name: 'displayName', value: 'Alice Adams' })).not.toContain('requestId');
    expect(namesOf({ name: 'outcome', value: 'denied' })).toEqual([]);
  });
});
