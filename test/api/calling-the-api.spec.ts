import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AzureCommunicationTokenCredential } from '@azure/communication-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { newPerson } from '../support/tokens-api.js';

/** The modules that docs/calling-the-api.md shows. */
interface Examples {
  readonly post: (
    path: string,
    options: { readonly getEntraToken: () => Promise<string>; readonly body?: object },
  ) => Promise<{ readonly token: string; readonly identity: { communicationUserId: string } }>;
  readonly createAcsCredential: (
    getEntraToken: () => Promise<string>,
  ) => AzureCommunicationTokenCredential;
}

const service = runningService();

let folder: string;
let examples: Examples;
beforeAll(async () => {
  const page = await readFile(join(repositoryRoot, 'docs/calling-the-api.md'), 'utf8');
  // Inside the repository, where Node finds the packages that the examples import.
  const parent = join(repositoryRoot, 'node_modules/.cache');
  await mkdir(parent, { recursive: true });
  folder = await mkdtemp(join(parent, 'calling-the-api-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of ['identity-service.js', 'acs-credential.js']) {
    const code = new RegExp(`^\`\`\`js\\n(// ${name}\\n[\\s\\S]+?)^\`\`\`$`, 'm').exec(page)?.[1];
    if (code === undefined) throw new Error(`the page has no example ${name}`);
    const local = code.replace('https://identity.example.com', service().url);
    await writeFile(join(folder, name), local);
  }
  const load = async (name: string): Promise<unknown> =>
    import(pathToFileURL(join(folder, name)).href);
  examples = {
    ...((await load('identity-service.js')) as Pick<Examples, 'post'>), // shown by the page
    ...((await load('acs-credential.js')) as Pick<Examples, 'createAcsCredential'>), // likewise
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

  it('give the ACS SDK a credential that requests tokens', async () => {
    const credential = examples.createAcsCredential(await signIn());
    try {
      const { token } = await credential.getToken();
      service().scanner.forbid(token);
      expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({
        valid: true,
      });
    } finally {
      credential.dispose();
    }
  });
});
