import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { providersFile } from './providers-file.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'providers-file-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function read(content: unknown) {
  const path = join(folder, 'providers.json');
  const isRaw = typeof content === 'string' || Buffer.isBuffer(content);
  await writeFile(path, isRaw ? content : JSON.stringify(content));
  return providersFile().safeParse(path);
}

const permissions = { client: ['CommunicationToken.Issue'] };
const google = { provider: 'google', tenant: 'google-people', permissions };

describe('providersFile', () => {
  it('reads providers by their name in lower case, and what sessions of Entra may do', async () => {
    const { data } = await read([
      { ...google, provider: 'Google', subjectClaim: 'sub' },
      { provider: 'aad', permissions },
    ]);
    expect([...(data?.others.keys() ?? [])]).toEqual(['google']);
    expect(data?.others.get('google')).toMatchObject({ kind: 'user', subjectClaim: 'sub' });
    expect(data?.entraSession).toEqual(permissions.client);
    const none = await read('\ufeff[]');
    expect(none.data).toEqual({ others: new Map(), entraSession: undefined });
  });

  it.each<[string, unknown, RegExp]>([
    ['a member twice', '[{"tenant":"secret","tenant":"b"}]', /JSON file; it has a member twice/],
    ['invalid UTF-8', Buffer.from([0x5b, 0xff, 0x5d]), /not valid UTF-8/],
    ['no JSON', '[{', /not well-formed/],
    ['no list', google, /JSON list of providers/],
    ['an entry that is no object', ['google'], /^0: must be an object .* tenant/],
    ['an unknown member', [{ ...google, tennant: 'secret' }], /^0: .*no other members than/],
    [
      'an unknown permission',
      [{ ...google, permissions: { client: ['Issue'] } }],
      /permissions\.client\.0: must be a permission/,
    ],
    [
      'no permission',
      [{ ...google, permissions: { client: [] } }],
      /permissions\.client: must name/,
    ],
    [
      'no permissions',
      [{ ...google, permissions: undefined }],
      /^0\.permissions: must be an object/,
    ],
    ['an unknown kind', [{ ...google, kind: 'admin' }], /kind: must be user, service or bot/],
    [
      'a role that means no permission',
      [{ ...google, permissions: { ...permissions, names: { secret: 'x' } } }],
      /names\..*must be a permission/,
    ],
    [
      'a tenant for Entra',
      [{ provider: 'aad', tenant: 'secret', permissions }],
      /no other members/,
    ],
    [
      'a tenant for Entra in capitals, whose people would be others',
      [{ ...google, provider: 'AAD' }],
      /no other members/,
    ],
    [
      'a provider twice',
      [google, { ...google, provider: 'GOOGLE', tenant: 'x' }],
      /each provider once/,
    ],
    ['Entra twice', [1, 2].map(() => ({ provider: 'aad', permissions })), /each provider once/],
    [
      'two providers with one tenant, in other capitals',
      [google, { ...google, provider: 'apple', tenant: 'Google-People' }],
      /a tenant of its own/,
    ],
    ...['email', 'preferred_username', 'urn:github:login', 'upn'].map(
      (subjectClaim): [string, unknown, RegExp] => [
        `${subjectClaim} as an id`,
        [{ ...google, subjectClaim }],
        /subjectClaim: must be a claim that stays/,
      ],
    ),
  ])('refuses %s, and says what it must be without the values', async (_what, content, fault) => {
    const { error } = await read(content);
    expect(error?.issues[0]?.message).toMatch(fault);
    expect(JSON.stringify(error?.issues.map(({ message }) => message))).not.toMatch(
      /: secret|people/i,
    );
  });

  it('lists every fault of every provider', async () => {
    const { error } = await read([
      { ...google, kind: 'x', tenant: '' },
      { ...google, provider: 'a b', permissions: { client: ['x', 'y'] } },
      { provider: 'aad' },
    ]);
    expect(error?.issues.map(({ message }) => message.split(':')[0])).toEqual([
      ...['0.tenant', '0.kind', '1.provider', '1.permissions.client.0', '1.permissions.client.1'],
      '2.permissions',
    ]);
  });

  it('says why a file can not be read', () => {
    const { error } = providersFile().safeParse(join(folder, 'nowhere.json'));
    expect(error?.issues[0]?.message).toMatch(/path of a JSON file; it can not be read \(ENOENT\)/);
  });
});
