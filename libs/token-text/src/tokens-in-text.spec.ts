import { describe, expect, it } from 'vitest';
import { holdsToken, isCallerToken, likeliestIssued, tokenIdOf, tokensIn } from './index.js';

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (claims: object, alg = 'RS256', length = 342): string =>
  [part({ alg, kid: '1' }), part(claims), 'aZ3-_'.repeat(200).slice(0, length)].join('.');

const OF_ACS = token({ skypeid: 'acs:1_2', exp: 1, resourceId: 'x'.repeat(150) });
const OF_CALLER = token({ iss: 'https://login.example/', uti: 'uti-1', jti: 'jti-1', name: 'Zoë' });
const wrapped = (text: string, width: number, end: string): string =>
  text.match(new RegExp(`.{1,${width}}`, 'g'))?.join(end) ?? '';

describe('the tokens in a text', () => {
  it.each([
    ['alone', OF_ACS],
    ['a member of JSON', `"token": "${OF_ACS}",`],
    ['an answer of the service', `{"token":"${OF_ACS}","expiresOn":"2026-01-01T00:00:00Z"}`],
    ['JSON in JSON', `{"body":"{\\"token\\":\\"${OF_ACS}\\"}\\n"}`],
    ['an escaped line', `line\\n${OF_ACS}\\nline`],
    ['a parameter', `token=${OF_ACS}`],
    ['a name that ends as a token begins', `key${OF_ACS}`],
    ['an address', `https://app.example/join?access_token=${OF_ACS}`],
    ['an address with more', `access_token=${OF_ACS}&x=1`],
    ['an encoded address', `?state=%22${OF_ACS}%22`.replaceAll('.', '%2E')],
    ['angle brackets', `<${OF_ACS}>`],
    ['round brackets', `(${OF_ACS})`],
    ['a header', `Authorization: Bearer ${OF_ACS}`],
    ['a scheme with a colon', `Bearer: ${OF_ACS}`],
    ['a command', `curl -H 'authorization: Bearer ${OF_ACS}' -H 'accept: */*' https://x.example`],
    ['a command without quotes', `acs token ${OF_ACS} --verbose`],
    ['a sentence', `It is ${OF_ACS}.`],
    ['a list', `${OF_ACS};`],
    ['typographic quotes', `“${OF_ACS}”`],
    ['zero-width characters', `\u200B${OF_ACS.slice(0, 50)}\u200B${OF_ACS.slice(50)}\uFEFF`],
    ['broken lines', `token: ${wrapped(OF_ACS, 76, '\r\n')}\r\nand more words`],
    ['lines of one character', wrapped(OF_ACS, 1, '\n')],
    ['indented lines', wrapped(OF_ACS, 60, '\n    ')],
    ['lines of a field of one line', wrapped(OF_ACS, 76, ' ')],
    ['a quoted mail', `> ${wrapped(OF_ACS, 70, '\n> ')}`],
    ['quoted-printable', `token=3D${wrapped(OF_ACS, 75, '=\r\n')}`],
    ['quoted-printable in a field of one line', `token=3D${wrapped(OF_ACS, 75, '= ')}`],
    ['a command in lines', `curl \\\n -d ${wrapped(OF_ACS, 80, '\\\n')}`],
  ])('are found in %s', (_where, text) => {
    expect(tokensIn(text).map((found) => found.token)).toEqual([OF_ACS]);
    expect(holdsToken(text)).toBe(true);
  });

  it.each([
    ['HS256', 43],
    ['ES256', 86],
    ['PS512', 683],
    ['a new algorithm', 111],
    ['constructor', 111],
  ])('may be signed by %s', (alg, length) => {
    const signed = token({ sub: 'a' }, alg, length);
    expect(tokensIn(`token ${signed} of today`).map((found) => found.token)).toEqual([signed]);
  });

  it('are all of them, each once', () => {
    const text = `Bearer ${OF_CALLER}\n{"token":"${OF_ACS}"} ${OF_ACS}`;
    expect(tokensIn(text).map((found) => found.token)).toEqual([OF_CALLER, OF_ACS]);
  });

  it.each([
    ['nothing', ''],
    ['words', 'They say hello. Money is. Keys are.'],
    ['three parts', 'eyJ.unknown.token'],
    ['a header alone', 'eyJhbGciOiJSUzI1NiJ9.not.ours'],
    ['a fingerprint', 'x'.repeat(43)],
    ['an id', '01890000-0000-7000-8000-000000000000'],
    ['a token without its end', OF_ACS.slice(0, -20)],
    ['a token without its beginning', OF_ACS.slice(3)],
    ['a token that is not signed', `${OF_ACS.slice(0, OF_ACS.lastIndexOf('.'))}.`],
  ])('are none in %s', (_what, text) => {
    expect(tokensIn(text)).toEqual([]);
  });

  it('takes a long text in little time', () => {
    expect(tokensIn('eyJ'.repeat(100_000))).toEqual([]);
    expect(tokensIn('eyJhbGciOiJSUzI1NiJ9.'.repeat(10_000))).toEqual([]);
  });
});

describe('a text that holds a token', () => {
  it.each([
    ['the beginning of one', OF_ACS.slice(0, 30)],
    ['the middle of one', OF_ACS.slice(20, 140)],
    ['the signature of one', OF_ACS.slice(-342)],
    ['a broken one', `Bearer ${wrapped(OF_ACS.slice(0, 200), 76, ' ')}`],
    ['one after more lines than are searched', 'a line\n'.repeat(10_000) + OF_ACS],
  ])('may have %s', (_what, text) => {
    expect(holdsToken(text)).toBe(true);
  });

  it.each([
    'Alice Adams',
    'Jeyaraj Heywood-Wellesley',
    'x'.repeat(43),
    '8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000010-0000-0000-0000-000000000001',
    '7f3c2b1a9e8d4c6fb5a4039281706f5e',
  ])('is not %s', (text) => {
    expect(holdsToken(text)).toBe(false);
  });
});

describe('a token of a caller', () => {
  it('has an issuer, and an id: `uti` before `jti`', () => {
    const [ofCaller] = tokensIn(OF_CALLER);
    const [ofAcs] = tokensIn(OF_ACS);
    expect(ofCaller && [isCallerToken(ofCaller), tokenIdOf(ofCaller)]).toEqual([true, 'uti-1']);
    expect(ofAcs && [isCallerToken(ofAcs), tokenIdOf(ofAcs)]).toEqual([false, undefined]);
    expect(likeliestIssued(tokensIn(`${OF_CALLER} ${OF_ACS}`))?.token).toBe(OF_ACS);
  });
});
