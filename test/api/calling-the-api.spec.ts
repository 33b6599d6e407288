import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_APPS } from '../../apps/emulator/src/index.js';
import { trust } from '../../apps/emulator/src/testing.js';
import { createIdentityClient } from '#libs/client';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson } from '../support/tokens-api.js';

/** The modules that docs/calling-the-api.md shows. */
interface Examples {
  readonly post: (
    path: string,
    options: { readonly getEntraToken: () => Promise<string>; readonly body?: object },
  ) => Promise<{ readonly token: string; readonly identity: { communicationUserId: string } }>;
  readonly createAcsCredential: () => AzureCommunicationTokenCredential;
  readonly getMyToken: (
    signal?: AbortSignal,
  ) => Promise<{ readonly token: string; readonly communicationUserId: string }>;
}

const service = runningService();

/** The client as `npm run build:tools` built it. The package itself is built when it is packed. */
const CLIENT = pathToFileURL(join(repositoryRoot, 'dist/libs/client/src/index.js')).href;

/** An example for Node, with the addresses of the service and the emulator. */
function localExample(page: string, name: string): string {
  const blocks = [...page.matchAll(/^```js\n([^]+?)^```$/gm)].map(([, code = '']) => code);
  const code = blocks.find(
    (block) => block.startsWith(`// ${name}\n`) && !block.includes('msal-browser'),
  );
  if (code === undefined) throw new Error(`the page has no example ${name}`);
  const { emulator, url } = service();
  const { clientId, clientSecret } = SAMPLE_APPS['crm-service'];
  return code
    .replace('https://identity.example.com', url)
    .replace("'@acs-identity/client'", `'${CLIENT}'`)
    .replace('<api>', `api://${emulator.apiAudience}`)
    .replace('<client id of your application>', clientId)
    .replace('process.env.CLIENT_SECRET', `'${clientSecret ?? ''}'`)
    .replace(
      "'https://login.microsoftonline.com/<tenant id>'",
      // MSAL knows the hosts of Entra only.
      `'${emulator.entraUrl}/${emulator.tenantId}', knownAuthorities: ['${new URL(emulator.entraUrl).host}']`,
    );
}

let folder: string;
let examples: Examples;
beforeAll(async () => {
  trust(service().emulator.caPem);
  const page = await readFile(join(repositoryRoot, 'docs/calling-the-api.md'), 'utf8');
  // Inside the repository, where Node finds the packages that the examples import.
  const parent = join(repositoryRoot, 'node_modules/.cache');
  await mkdir(parent, { recursive: true });
  folder = await mkdtemp(join(parent, 'calling-the-api-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of ['entra.js', 'identity-service.js', 'acs-credential.js', 'my-token.js']) {
    await writeFile(join(folder, name), localExample(page, name));
  }
  const load = async (name: string): Promise<unknown> =>
    import(pathToFileURL(join(folder, name)).href);
  examples = {
    ...((await load('identity-service.js')) as Pick<Examples, 'post'>), // shown by the page
    ...((await load('acs-credential.js')) as Pick<Examples, 'createAcsCredential'>), // likewise
    ...((await load('my-token.js')) as Pick<Examples, 'getMyToken'>), // likewise
  };
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function signIn(): Promise<() => Promise<string>> {
  const { bearer } = await newPerson(service());
  return async () => Promise.resolve(bearer);
}

describe('the examples of docs/calling-the-api.md', () => {
  it('get a token that ACS accepts', async () => {
    const { token, identity } = await examples.post('/v1/me/tokens', {
      getEntraToken: await signIn(),
      body: { scopes: ['voip'], expiresInMinutes: 60 },
    });
    service().scanner.forbid(token);
    expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({
      valid: true,
      communicationUserId: identity.communicationUserId,
    });
  });

  it('repeat a request after Retry-After', async () => {
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'create',
      kind: 'status',
      status: 503,
      headers: { 'retry-after': '1' },
      count: 1,
    });
    const { token } = await examples.post('/v1/me/tokens', { getEntraToken: await signIn() });
    service().scanner.forbid(token);
    expect(token).toMatch(/^ey/);
  });

  it('give up at once where a repeat does not help', async () => {
    const getEntraToken = await signIn();
    await expect(
      examples.post('/v1/me/tokens', { getEntraToken, body: { expiresInMinutes: 5 } }),
    ).rejects.toMatchObject({ status: 400, code: 'invalid-request', retryAfterSeconds: undefined });
    const getMallorysToken = async (): Promise<string> => service().token('mallory');
    await expect(
      examples.post('/v1/me/tokens', { getEntraToken: getMallorysToken }),
    ).rejects.toMatchObject({ status: 403, code: 'insufficient-permission', claims: undefined });
  });

  it('give the ACS SDK a credential that requests tokens, signed in by MSAL Node', async () => {
    const credential = examples.createAcsCredential();
    try {
      const all = await Promise.all([credential.getToken(), credential.getToken()]);
      const [{ token, expiresOnTimestamp }] = all;
      service().scanner.forbid(token);
      expect(all[1].token).toBe(token);
      expect(expiresOnTimestamp).toBeGreaterThan(Date.now() + 55 * 60_000);
      expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({
        valid: true,
        scopes: ['voip'],
      });
    } finally {
      credential.dispose();
    }
  });

  it('return a token and its identity, and wait while ACS is busy', async () => {
    await service().emulator.control.addFault({
      service: 'acs',
      operation: 'issue',
      kind: 'status',
      status: 503,
      headers: { 'retry-after': '1' },
      count: 1,
    });
    const { token, communicationUserId } = await examples.getMyToken();
    service().scanner.forbid(token);
    expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({
      valid: true,
      communicationUserId,
    });
    await expect(examples.getMyToken(AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('the client', () => {
  it('sends every operation of a caller as the api expects it', async () => {
    const getAccessToken = await signIn();
    const client = createIdentityClient({ baseUrl: service().url, getAccessToken });
    await expect(client.identity()).rejects.toMatchObject({
      ...{ status: 404, code: 'mapping-not-found', requestId: expect.stringMatching(/./) },
    });
    expect(await client.signOut()).toEqual({ effectiveWithinMinutes: 0 });
    const { token, identity } = await client.issueToken({ expiresInMinutes: 60 });
    service().scanner.forbid(token);
    expect(await client.identity()).toEqual(identity);
    expect(await client.revokeTokens()).toMatchObject({ effectiveWithinMinutes: 15 });
    await expect(client.issueTeamsToken({ teamsUserToken: 'a.b.c' })).rejects.toMatchObject({
      name: 'ProblemError',
      code: expect.stringMatching(/^teams-/),
    });
  });
});

describe('AzureCommunicationTokenCredential of @azure/communication-common', () => {
  it('refreshes its token from the api, once for concurrent requests', async () => {
    let refreshes = 0;
    const tokenRefresher = async (): Promise<string> => {
      refreshes += 1;
      return (await issue(service(), 'alice')).token;
    };
    const credential = new AzureCommunicationTokenCredential({
      tokenRefresher,
      refreshProactively: true,
    });
    try {
      const got = await Promise.all([1, 2, 3].map(async () => credential.getToken()));
      expect(new Set(got.map(({ token }) => token)).size).toBe(1);
      const [first] = got;
      if (!first) expect.unreachable();
      expect(await service().emulator.control.validateAcsToken(first.token)).toMatchObject({
        valid: true,
      });
      expect(first.expiresOnTimestamp).toBeGreaterThan(Date.now() + 55 * 60_000);
      // A token far from its expiry is not refreshed.
      await credential.getToken();
      expect(refreshes).toBe(1);
    } finally {
      credential.dispose();
    }
  });

  it('refreshes once, not again and again, where the clock of the client is 55 minutes fast', async () => {
    let refreshes = 0;
    const credential = new AzureCommunicationTokenCredential({
      refreshProactively: true,
      tokenRefresher: async () => {
        refreshes += 1;
        // To such a clock, a token of an hour expires in five minutes.
        return withExpiry((await issue(service(), 'carol')).token, Date.now() / 1_000 + 5 * 60);
      },
    });
    try {
      for (let n = 0; n < 10; n += 1) await credential.getToken();
      expect(refreshes).toBe(1);
    } finally {
      credential.dispose();
    }
  });

  it('refreshes a token shortly before it expires, without a request for it', async () => {
    const { token } = await issue(service(), 'bob');
    let refreshes = 0;
    const credential = new AzureCommunicationTokenCredential({
      // The client reads `exp` and does not check the signature.
      token: withExpiry(token, Date.now() / 1_000 + 4),
      refreshProactively: true,
      tokenRefresher: async () => {
        refreshes += 1;
        return (await issue(service(), 'bob')).token;
      },
    });
    try {
      await expect.poll(() => refreshes).toBe(1);
      await expect
        .poll(async () => (await credential.getToken()).expiresOnTimestamp)
        .toBeGreaterThan(Date.now() + 55 * 60_000);
    } finally {
      credential.dispose();
    }
  });
});

function withExpiry(token: string, expiresAt: number): string {
  const [header, payload, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object;
  const changed = { ...claims, exp: Math.floor(expiresAt) };
  return [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}
