import { base64url, type Forge, type HostileToken } from './forge.js';

function of(name: string, make: (forge: Forge) => string): HostileToken {
  return { name, authorization: async (forge) => Promise.resolve(make(forge)) };
}

function signedClaims(name: string, claims: (json: string, forge: Forge) => string): HostileToken {
  return {
    name,
    authorization: async (forge) =>
      `Bearer ${await forge.signed(forge.header, claims(JSON.stringify(forge.claims), forge))}`,
  };
}

/** The segment with changed padding bits, which base64url decoding ignores. */
function withStrayBits(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(segment.slice(-1));
  return `${segment.slice(0, -1)}${alphabet.charAt(last ^ 1)}`;
}

const serializations: readonly HostileToken[] = [
  of('no token', () => 'Bearer'),
  of('an empty token', () => 'Bearer '),
  of('no scheme', ({ valid }) => valid),
  of('another scheme', ({ valid }) => `Basic ${valid}`),
  of('DPoP', ({ valid }) => `DPoP ${valid}`),
  of('two spaces and two tokens', ({ valid }) => `Bearer  ${valid} ${valid}`),
  of('a tab', ({ valid }) => `Bearer\t${valid}`),
  of('text after the token', ({ valid }) => `Bearer ${valid} x`),
  of('two tokens with a comma', ({ valid }) => `Bearer ${valid}, Bearer ${valid}`),
  of('quotes', ({ valid }) => `Bearer "${valid}"`),
  of('a colon after the scheme', ({ valid }) => `Bearer: ${valid}`),
  of('a trailing dot', ({ valid }) => `Bearer ${valid}.`),
  of('a leading dot', ({ valid }) => `Bearer .${valid}`),
  of('two segments', ({ segments: [header, claims] }) => `Bearer ${header}.${claims}`),
  of('an empty signature', ({ segments: [header, claims] }) => `Bearer ${header}.${claims}.`),
  of('four segments', ({ valid }) => `Bearer ${valid}.x`),
  of('five segments, as in an encrypted token', ({ valid }) => `Bearer ${valid}.x.x`),
  of('empty segments', () => 'Bearer ..'),
  of('a single word', () => 'Bearer token'),
  of('padding', ({ valid }) => `Bearer ${valid}==`),
  of('padding in the middle', ({ segments: [h, c, s] }) => `Bearer ${h}=.${c}.${s}`),
  of('percent encoding', ({ valid }) => `Bearer ${valid.replace('.', '%2E')}`),
  of('plain base64', ({ segments: [h, c, s] }) => {
    const plain = Buffer.from(s, 'base64url').toString('base64').replaceAll('=', '');
    return `Bearer ${h}.${c}.${plain}+/`;
  }),
  of(
    'stray bits in the signature',
    ({ segments: [h, c, s] }) => `Bearer ${h}.${c}.${withStrayBits(s)}`,
  ),
  of('stray characters in the signature', ({ valid }) => `Bearer ${valid}!!`),
  of(
    'JSON serialization',
    ({ segments: [header, payload, signature] }) =>
      `Bearer ${JSON.stringify({ protected: header, payload, signature })}`,
  ),
  of(
    'JSON serialization in base64',
    ({ segments: [header, payload, signature] }) =>
      `Bearer ${base64url(JSON.stringify({ protected: header, payload, signature }))}`,
  ),
  of('a truncated signature', ({ valid }) => `Bearer ${valid.slice(0, -8)}`),
  of('a lengthened signature', ({ valid }) => `Bearer ${valid}AAAA`),
  of(
    'a signature of zeros',
    ({ segments: [h, c] }) => `Bearer ${h}.${c}.${base64url(Buffer.alloc(256))}`,
  ),
  of('the claims’ segment twice', ({ segments: [h, c] }) => `Bearer ${h}.${c}.${c}`),
  of('other claims under a valid signature', ({ segments: [h, , s], claims }) => {
    const other = base64url(JSON.stringify({ ...claims, scp: 'AuditLog.Read.All' }));
    return `Bearer ${h}.${other}.${s}`;
  }),
];

const NAMES = ['aud', 'iss', 'tid', 'oid', 'sub', 'exp', 'nbf', 'scp', 'ver', 'azp', 'roles'];

const structures: readonly HostileToken[] = [
  ...[
    '[]',
    'null',
    'true',
    '1',
    '"text"',
    '{',
    '',
    '{}',
    '{"a":1}}',
    "{'a':1}",
    '{"a":01}',
    '{"a":NaN}',
  ].map((claims) => signedClaims(`claims ${JSON.stringify(claims)}`, () => claims)),
  ...NAMES.map((name) =>
    signedClaims(`duplicate ${name}`, (json) => `{${JSON.stringify(name)}:"x",${json.slice(1)}`),
  ),
  signedClaims('duplicate aud, one escaped', (json) => `{"\\u0061ud":"x",${json.slice(1)}`),
  signedClaims(
    'a duplicate nested name',
    (json) => `{"deep":[{"a":1,"b":{},"a":2}],${json.slice(1)}`,
  ),
  signedClaims('a byte order mark', (json) => `\ufeff${json}`),
  signedClaims('a trailing comma', (json) => json.replace(/}$/, ',}')),
  signedClaims('a comment', (json) => json.replace(/}$/, '/**/}').replace('{', '{//\n')),
  signedClaims('text after the claims', (json) => `${json} x`),
  signedClaims('two objects', (json) => `${json}${json}`),
  signedClaims('claims in a list', (json) => `[${json}]`),
  signedClaims('claims inside a member', (json) => `{"claims":${json}}`),
];

const sizes: readonly HostileToken[] = [
  of('bytes that are not UTF-8', ({ segments: [h, , s] }) => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    return `Bearer ${h}.${base64url(bytes)}.${s}`;
  }),
  of('overlong UTF-8', ({ segments: [h, , s] }) => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":"'),
      Buffer.from([0xc0, 0xaf]),
      Buffer.from('"}'),
    ]);
    return `Bearer ${h}.${base64url(bytes)}.${s}`;
  }),
  of(
    'UTF-16',
    ({ segments: [h, , s], claims }) =>
      `Bearer ${h}.${base64url(Buffer.from(JSON.stringify(claims).slice(0, 500), 'utf16le'))}.${s}`,
  ),
  signedClaims(
    '9,000 additional characters',
    (json) => `{"filler":"${'x'.repeat(9_000)}",${json.slice(1)}`,
  ),
  signedClaims(
    '3,000 levels of lists',
    (json, forge) =>
      `{"deep":${'['.repeat(3_000)}${']'.repeat(3_000)},${JSON.stringify({ ...forge.claims, aud: 'x' }).slice(1)}`,
  ),
  signedClaims('1,000 members', (json, forge) => {
    const members = Array.from({ length: 1_000 }, (_none, number) => `"m${number}":0`).join(',');
    return `{${members},${JSON.stringify({ ...forge.claims, aud: 'x' }).slice(1)}`;
  }),
  signedClaims('a number of 500 digits', (json, forge) =>
    JSON.stringify({ ...forge.claims, exp: 0 }).replace('"exp":0', `"exp":${'9'.repeat(500)}`),
  ),
  signedClaims('a lone surrogate in oid', (_json, forge) =>
    JSON.stringify({ ...forge.claims, oid: '\ud800' }),
  ),
  signedClaims('look-alike letters in tid', (_json, forge) =>
    JSON.stringify({ ...forge.claims, tid: String(forge.claims.tid).replace('c', 'с') }),
  ),
  signedClaims('a null byte in oid', (_json, forge) =>
    JSON.stringify({ ...forge.claims, oid: `${String(forge.claims.oid)}\u0000` }),
  ),
  signedClaims('5,000 characters of scope', (_json, forge) =>
    JSON.stringify({ ...forge.claims, scp: 'x '.repeat(2_500) }),
  ),
  signedClaims('600 roles', (_json, forge) =>
    JSON.stringify({ ...forge.claims, roles: Array.from({ length: 600 }, () => 'r') }),
  ),
  of('10,000 dots', () => `Bearer ${'.'.repeat(10_000)}`),
  of('12,000 letters', () => `Bearer ${'a'.repeat(12_000)}`),
  of(
    '12,000 letters in three segments',
    () => `Bearer ${'a'.repeat(4_000)}.${'a'.repeat(4_000)}.${'a'.repeat(4_000)}`,
  ),
];

export const hostileTexts: Readonly<Record<string, readonly HostileToken[]>> = {
  serialization: serializations,
  structure: structures,
  'size and encoding': sizes,
};
