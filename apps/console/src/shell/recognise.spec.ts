import { describe, expect, it } from 'vitest';
import { recognise, readTraced } from './recognise.js';

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (claims: object): string =>
  [part({ alg: 'RS256' }), part(claims), 'x'.repeat(342)].join('.');
const OF_ACS = token({ skypeid: 'acs:1_2' });
const OF_CALLER = token({ iss: 'https://login.example/', uti: 'uti-of-alice' });

const PASTES = [
  OF_ACS,
  `"token": "${OF_ACS}",`,
  `{"token":"${OF_ACS}","expiresOn":"2026-01-01T00:00:00Z"}`,
  `https://app.example/join?access_token=${OF_ACS}`,
  `-H 'authorization: Bearer ${OF_ACS}'`,
  `Authorization: Bearer ${OF_ACS}`,
  `${OF_ACS};`,
  `“${OF_ACS}”\u200B`,
  `${OF_ACS.slice(0, 90)} ${OF_ACS.slice(90)}`,
];

describe('a text of the search box', () => {
  it.each([...PASTES, OF_CALLER, OF_ACS.slice(0, 60), `Bearer ${OF_ACS.slice(0, -9)}`])(
    'goes to Trace when it has a token or a part of one: %s',
    (text) => {
      expect(recognise(text)).toEqual({ kind: 'token' });
    },
  );

  it.each([
    ['a UUID', '5e77ab1e-0000-4000-9000-000000000007', 'requestId'],
    ['32 digits of ingress-nginx', '7f3c2b1a9e8d4c6fb5a4039281706f5e', 'requestId'],
    ['a ULID', '01JDQ2W3ZC9Y7K8N5M4P6R1S0T', 'requestId'],
    ['an id of AWS', '1-674778aa-3c1f0e9b2d4a5f6071829304', 'requestId'],
    ['an ACS identity', '8:acs:1b5cc06b-f352_00000010', 'communicationUserId'],
    ['an address', '203.0.113.7', 'clientAddress'],
    ['a network', '10.1.0.0/16', 'address'],
    ['a fingerprint', 'x'.repeat(43), 'fingerprint'],
    ['a name', 'Alice (Adams).', 'displayName'],
  ])('is %s', (_what, value, name) => {
    expect(recognise(` ${value}\n`)).toEqual({ kind: 'filter', name, value });
  });

  it.each([
    '"requestId": "7f3c2b1a9e8d4c6fb5a4039281706f5e",',
    'X-Request-ID: 7f3c2b1a9e8d4c6fb5a4039281706f5e',
    'request 7f3c2b1a9e8d4c6fb5a4039281706f5e',
    '\u200B(7f3c2b1a9e8d4c6fb5a4039281706f5e).',
  ])('may have something around an id: %s', (text) => {
    expect(recognise(text)).toEqual({
      kind: 'filter',
      name: 'requestId',
      value: '7f3c2b1a9e8d4c6fb5a4039281706f5e',
    });
  });

  it('is an entry or an identity, an index, or the id of a token of a caller', () => {
    const id = '01939c1e-5d2a-7c11-9f00-00000000abcd';
    expect(recognise(id.toUpperCase())).toEqual({ kind: 'id', id });
    expect(recognise('#8')).toEqual({ kind: 'index', index: 8 });
    expect(recognise(`${'a'.repeat(21)}A`)).toEqual({
      kind: 'tokenId',
      tokenId: `${'a'.repeat(21)}A`,
    });
    expect(recognise(' ')).toBeUndefined();
  });
});

describe('a text of Trace', () => {
  it.each(PASTES)('is the token in it: %s', (text) => {
    expect(readTraced(text)).toMatchObject({
      by: { token: OF_ACS },
      what: { is: 'token', isOfCaller: false },
    });
  });

  it('may be a token of a caller, which has an id', () => {
    expect(readTraced(`Bearer ${OF_CALLER}`)).toEqual({
      by: { token: OF_CALLER },
      what: { is: 'token', isOfCaller: true, tokenId: 'uti-of-alice', tokens: 1 },
    });
  });

  it('may have the token of a caller beside one that this service issued', () => {
    expect(readTraced(`Bearer ${OF_CALLER} ${OF_ACS}`)).toMatchObject({
      by: { token: OF_ACS },
      what: { tokens: 2 },
    });
  });

  it('may be a fingerprint or the id of a token of a caller', () => {
    const fingerprint = 'x'.repeat(43);
    expect(readTraced(`"${fingerprint}",`)?.by).toEqual({ fingerprint });
    expect(readTraced('uti-of-alice')?.by).toEqual({ tokenId: 'uti-of-alice' });
  });

  it.each(['', 'some words', OF_ACS.slice(0, -1), OF_ACS.slice(0, 40), 'eyJ.unknown.token!'])(
    'is none of them: %s',
    (text) => {
      expect(readTraced(text)).toBeUndefined();
    },
  );
});
