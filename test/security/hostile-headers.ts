import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { inspect } from 'node:util';
import { base64url, type Forge, type HostileToken, type Members } from './forge.js';

const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });
const attackerJwk = attacker.publicKey.export({ format: 'jwk' });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

/** A token signed by the attacker's key. */
function byAttacker(forge: Forge, header: Members, key = attacker.privateKey): string {
  const input = `${base64url(JSON.stringify({ ...forge.header, ...header }))}.${forge.segments[1]}`;
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

function byHmac(forge: Forge, alg: string, digest: string, secret: string): string {
  const input = `${base64url(JSON.stringify({ ...forge.header, alg }))}.${forge.segments[1]}`;
  return `${input}.${createHmac(digest, secret).update(input).digest('base64url')}`;
}

const algorithms: readonly HostileToken[] = [
  ...['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => [
    {
      name: `alg ${JSON.stringify(alg)} over a valid signature`,
      authorization: async (forge: Forge) => `Bearer ${await forge.withHeader({ alg })}`,
    },
    {
      name: `alg ${JSON.stringify(alg)} without a signature`,
      authorization: async (forge: Forge) => {
        const header = base64url(JSON.stringify({ ...forge.header, alg }));
        return Promise.resolve(`Bearer ${header}.${forge.segments[1]}.`);
      },
    },
  ]),
  ...[
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'ES256',
    'ES256K',
    'EdDSA',
    'rs256',
    'RS256 ',
    'HS256',
  ].map((alg) => ({
    name: `alg ${JSON.stringify(alg)} over an RS256 signature`,
    authorization: async (forge: Forge) => `Bearer ${await forge.withHeader({ alg })}`,
  })),
  ...[null, 256, true, ['RS256'], { alg: 'RS256' }, undefined].map((alg) => ({
    name: `alg ${inspect(alg)}`,
    authorization: async (forge: Forge) => `Bearer ${await forge.withHeader({ alg })}`,
  })),
  {
    name: 'HS256 keyed with the public key',
    authorization: async (forge) =>
      `Bearer ${await forge.withHeader({ alg: 'HS256' }, 'public-key-as-secret')}`,
  },
  ...['', 'secret', 'changeit', '0'].map((secret) => ({
    name: `HS256 keyed with ${JSON.stringify(secret)}`,
    authorization: async (forge: Forge) =>
      Promise.resolve(`Bearer ${byHmac(forge, 'HS256', 'sha256', secret)}`),
  })),
  {
    name: 'HS512 keyed with the kid',
    authorization: async (forge) =>
      Promise.resolve(`Bearer ${byHmac(forge, 'HS512', 'sha512', String(forge.header.kid))}`),
  },
];

const keys: readonly HostileToken[] = [
  {
    name: 'an unknown key under its own kid',
    authorization: async (forge) =>
      `Bearer ${await forge.withHeader({ kid: 'not-published' }, 'unknown')}`,
  },
  {
    name: 'an unknown key under a published kid',
    authorization: async (forge) => `Bearer ${await forge.withHeader({}, 'impostor')}`,
  },
  {
    name: 'an unknown key under a published kid and x5t',
    authorization: async (forge) =>
      `Bearer ${await forge.withHeader({ x5t: forge.header.kid }, 'impostor')}`,
  },
  {
    name: 'x5t alone',
    authorization: async (forge) =>
      `Bearer ${await forge.withHeader({ kid: undefined, x5t: forge.header.kid })}`,
  },
  ...[
    '',
    null,
    0,
    [],
    {},
    true,
    '../../../etc/passwd',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    'ключ',
    'a'.repeat(300),
    'a\nb',
    'a\u0000b',
  ].map((kid) => ({
    name: `kid ${JSON.stringify(kid).slice(0, 40)}`,
    authorization: async (forge: Forge) => `Bearer ${await forge.withHeader({ kid })}`,
  })),
  {
    name: 'kid missing',
    authorization: async (forge) => `Bearer ${await forge.withHeader({ kid: undefined })}`,
  },
  ...(
    [
      ['jku', { jku: 'https://attacker.example/keys' }],
      ['jku of the loopback interface', { jku: 'https://127.0.0.1:1/keys' }],
      ['x5u', { x5u: 'https://attacker.example/cert.pem' }],
      ['jwk', { jwk: attackerJwk }],
      ['jwk under the published kid', { jwk: { ...attackerJwk, kid: 'any' } }],
      ['x5c', { x5c: ['MIIB'] }],
      ['plain kid', {}],
    ] as const
  ).map(([name, header]) => ({
    name: `the attacker’s key with ${name}`,
    authorization: async (forge: Forge) => Promise.resolve(`Bearer ${byAttacker(forge, header)}`),
  })),
  {
    name: 'the attacker’s short key',
    authorization: async (forge) =>
      Promise.resolve(`Bearer ${byAttacker(forge, {}, weak.privateKey)}`),
  },
];

const parameters: readonly HostileToken[] = [
  ...[
    { crit: ['exp'] },
    { crit: ['b64'], b64: false },
    { b64: false },
    { zip: 'DEF' },
    { cty: 'JWT' },
    { enc: 'A256GCM' },
    { jku: 'https://login.microsoftonline.com/common/discovery/keys' },
    { x5u: '' },
    { jwk: null },
    { x5c: [] },
    { p2c: 2_000_000_000 },
    { epk: {} },
    { url: 'https://attacker.example' },
    { nonce: 'n' },
    { unknown: 1 },
    { typ: 'at+jwt' },
    { typ: 'jwt' },
    { typ: 'JWS' },
    { typ: 'id_token' },
    { typ: '' },
    { typ: null },
    { typ: ['JWT'] },
    { typ: 1 },
    { typ: undefined },
  ].map((header: Members) => ({
    name: `header with ${inspect(header)}`,
    authorization: async (forge: Forge) => `Bearer ${await forge.withHeader(header)}`,
  })),
  ...['[]', 'null', '"RS256"', '1', '{', '', '{"alg":"RS256"', '\ufeff{}'].map((header) => ({
    name: `header ${JSON.stringify(header)}`,
    authorization: async (forge: Forge) => `Bearer ${await forge.signed(header, forge.claims)}`,
  })),
  ...(
    [
      [
        'alg twice, none first',
        (kid: string) => `{"alg":"none","alg":"RS256","typ":"JWT","kid":"${kid}"}`,
      ],
      [
        'alg twice, none last',
        (kid: string) => `{"alg":"RS256","alg":"none","typ":"JWT","kid":"${kid}"}`,
      ],
      ['kid twice', (kid: string) => `{"alg":"RS256","typ":"JWT","kid":"x","kid":"${kid}"}`],
      [
        'kid twice, once escaped',
        (kid: string) => `{"alg":"RS256","typ":"JWT","\\u006bid":"x","kid":"${kid}"}`,
      ],
      [
        'a prototype',
        (kid: string) => `{"alg":"RS256","typ":"JWT","kid":"${kid}","__proto__":{"crit":[]}}`,
      ],
    ] as const
  ).map(([name, header]) => ({
    name: `header with ${name}`,
    authorization: async (forge: Forge) =>
      `Bearer ${await forge.signed(header(String(forge.header.kid)), forge.claims)}`,
  })),
];

export const hostileHeaders: Readonly<Record<string, readonly HostileToken[]>> = {
  algorithm: algorithms,
  'key selection': keys,
  header: parameters,
};
