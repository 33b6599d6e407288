import { describe, expect, it } from 'vitest';
import { base64url } from '../testing/test-issuer.js';
import { parseJwt } from './parse-jwt.js';

const header = '{"alg":"RS256","typ":"JWT","kid":"k"}';

function token(claims = '{"a":1}', head = header, signature = 'c2ln'): string {
  return `${base64url(head)}.${base64url(claims)}.${signature}`;
}

describe('parseJwt', () => {
  it('returns header and claims of a well-formed token', () => {
    expect(parseJwt(token())).toMatchObject({
      algorithm: 'RS256',
      type: 'JWT',
      keyId: 'k',
      claims: { a: 1 },
    });
  });

  it.each<[string, string]>([
    ['malformed-token', 'abc'],
    ['malformed-token', 'a.b'],
    ['malformed-token', `${token()}.x`],
    ['malformed-token', token('{"a":1}', header, '')],
    ['malformed-token', token('[]')],
    ['malformed-token', token('{"a":1')],
    ['malformed-token', token('\ufeff{}')],
    [
      'malformed-token',
      `${base64url(header)}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.c2ln`,
    ],
    ['non-canonical-encoding', `${token()}=`],
    ['non-canonical-encoding', ` ${token()}`],
    ['non-canonical-encoding', token('{"a":1}', header, 'c2lnbg1')],
    ['non-canonical-encoding', token('{"a":1}', header, 'c2l+')],
    ['non-canonical-encoding', token('{"a":1}', header, 'c2lnc')],
    ['oversized', token(JSON.stringify({ a: 'x'.repeat(12_288) }))],
    ['duplicate-member', token('{"a":1,"a":2}')],
    ['duplicate-member', token('{"a":1,"\\u0061":2}')],
    ['duplicate-member', token('{"b":{"c":1,"d":[{"e":1},{"f":"}\\""}],"c" :2}}')],
    ['duplicate-member', token('{}', '{"alg":"none","alg":"RS256","kid":"k"}')],
    ['header-not-allowed', token('{}', '{"alg":"RS256","kid":"k","jku":"https://evil.test"}')],
    ['header-not-allowed', token('{}', '{"alg":"RS256","kid":"k","crit":["exp"]}')],
    ['algorithm-not-allowed', token('{}', '{"kid":"k"}')],
    ['key-unknown', token('{}', '{"alg":"RS256","kid":"ключ"}')],
    ['key-unknown', token('{}', '{"alg":"RS256","kid":7}')],
  ])('rejects with the reason %s (%#)', (reason, text) => {
    expect(() => parseJwt(text)).toThrow(expect.objectContaining({ reason }));
  });

  it.each([
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), `${'x'.repeat(64)}...[cut: 65 characters]`],
    ['ключ\u202e a', '????? a'],
  ])('records the unknown member %j with a mark when it is cut', (name, detail) => {
    const header = JSON.stringify({ alg: 'RS256', kid: 'k', [name]: 1 });
    expect(() => parseJwt(token('{}', header))).toThrow(expect.objectContaining({ detail }));
  });

  it('accepts equal keys in different objects, and keys inside texts', () => {
    const text = token('{"a":{"a":{}},"b":[{"a":1},{"a":2}],"c":"a\\":","d":"{\\"a\\":1"}');
    expect(parseJwt(text).claims).toHaveProperty('a');
  });
});
