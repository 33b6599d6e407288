import { randomUUID } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { describe, expect, it } from 'vitest';
import { OutboundHttp } from '#libs/platform';
import {
  GraphUsers,
  type HeroPage,
  type HeroUser,
} from '../../apps/cli/src/actions/identities/graph-users.js';
import type { AppName } from '../../apps/emulator/src/index.js';
import { useEmulator } from '../../apps/emulator/src/testing.js';

const NAME = 'com.contoso.identityMapping';
const SAMPLE_USERS = 8;
/** Graph names the time; without it the wait doubles. */
const AT_ONCE = { headers: { 'retry-after': '0' } };

const emulator = useEmulator();

interface Reading {
  readonly extension?: string;
  readonly app?: AppName;
  readonly from?: string;
}

async function read({ extension = NAME, app, from }: Reading = {}): Promise<HeroPage[]> {
  const { graphUrl: url, tenantId: tenant, control } = emulator();
  const credential: TokenCredential = {
    async getToken(scope, options) {
      expect([scope, options]).toEqual(['graph/.default', { tenantId: tenant }]);
      const token = await control.mintToken({
        ...{ app: app ?? 'identity-service', tenant, resource: 'graph' },
      });
      return { token, expiresOnTimestamp: Date.now() + 60_000 };
    },
  };
  const options = { url, scope: 'graph/.default', tenant, extension };
  const users = new GraphUsers(options, credential, new OutboundHttp());
  const pages: HeroPage[] = [];
  for await (const page of users.pages(from)) pages.push(page);
  return pages;
}

async function addUsers(
  count: number,
  acsUserIdentity: unknown = '8:acs:a_b',
): Promise<HeroUser[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await emulator().control.setGraphUsers(
    ids.map((id) => ({ id, extensions: { [NAME]: { acsUserIdentity } } })),
  );
  return ids.map((userId) => ({ userId, acsUserIdentity: String(acsUserIdentity) }));
}

describe('GraphUsers', () => {
  it('reads the extension of every user, in the order of the directory', async () => {
    const users = await addUsers(130);
    const pages = await read();
    expect(pages.map((page) => page.users)).toEqual([100, 30 + SAMPLE_USERS]);
    expect(pages.flatMap(({ mapped }) => mapped)).toEqual(users);
    expect(pages.at(-1)?.next).toBeUndefined();
    // From the second page on.
    const rest = await read({ from: pages[0]?.next ?? '' });
    expect(rest).toEqual(pages.slice(1));
    expect((await read({ extension: 'com.example.other' })).flatMap((p) => p.mapped)).toEqual([]);
  });

  it.each(['list-users', 'batch', 'get-extension'])(
    'repeats what Graph throttles, and loses nothing: %s',
    async (operation) => {
      const users = await addUsers(45);
      const fault = { service: 'graph', operation, kind: 'status', ...AT_ONCE } as const;
      await emulator().control.addFault({ ...fault, status: 429, count: 3 });
      await emulator().control.addFault({ ...fault, status: 503, count: 3 });
      expect((await read()).flatMap(({ mapped }) => mapped)).toEqual(users);
    },
  );

  it.each(['list-users', 'batch', 'get-extension'])(
    'gives up in the end, with what Graph answered: %s',
    async (operation) => {
      await addUsers(1);
      const fault = { service: 'graph', operation, kind: 'status', ...AT_ONCE } as const;
      await emulator().control.addFault({ ...fault, status: 429 });
      await expect(read()).rejects.toThrow(/^Microsoft Graph answered 429 \(/);
    },
  );

  it('names the permission that the application lacks', async () => {
    await expect(read({ app: 'crm-service' })).rejects.toThrow(
      'Microsoft Graph answered 403 (Authorization_RequestDenied). Grant the application permission User.Read.All of Microsoft Graph, with admin consent.',
    );
  });

  it('sends the token to Graph only, also where a page leads elsewhere', async () => {
    await expect(read({ from: 'https://attacker.example/v1.0/users' })).rejects.toThrow(
      `https://attacker.example is not ${emulator().graphUrl}.`,
    );
    const location = `${emulator().controlUrl}/redirected`;
    const fault = { service: 'graph', operation: 'list-users', kind: 'redirect' } as const;
    await emulator().control.addFault({ ...fault, location });
    await expect(read()).rejects.toThrow();
    expect(await emulator().control.readJournal({ service: 'control' })).toEqual([]);
  });

  it('takes an extension of another form as none', async () => {
    await addUsers(1, 7);
    expect((await read()).flatMap(({ mapped }) => mapped)).toEqual([]);
  });
});
