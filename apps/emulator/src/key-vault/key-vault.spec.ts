import { SecretClient } from '@azure/keyvault-secrets';
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serviceCredential, useEmulator } from '../testing.js';

const running = useEmulator();

function vault(credential: TokenCredential = serviceCredential(running())): SecretClient {
  return new SecretClient(running().keyVaultUrl, credential, {
    disableChallengeResourceVerification: true,
    retryOptions: { maxRetries: 0 },
  });
}

describe('Key Vault', () => {
  it('returns the connection string of ACS', async () => {
    const secret = await vault().getSecret('acs-connection-string');
    expect(secret.value).toBe(running().acsResources[0]?.connectionString);
    expect(secret.properties).toMatchObject({ enabled: true, name: 'acs-connection-string' });
  });

  it.each(['audit-fingerprint-key', 'audit-signing-key', 'token-cache-key'])(
    'starts with 32 random bytes in %s',
    async (name) => {
      const { value = '' } = await vault().getSecret(name);
      expect(Buffer.from(value, 'base64')).toHaveLength(32);
    },
  );

  it('returns every version of a secret', async () => {
    const client = vault();
    const first = await client.setSecret('rotated', 'one', {
      contentType: 'text/plain',
      tags: { purpose: 'test' },
      expiresOn: new Date('2030-01-01T00:00:00Z'),
    });
    const secondVersion = await running().control.setSecret({ name: 'rotated', value: 'two' });

    expect((await client.getSecret('rotated')).value).toBe('two');
    const old = await client.getSecret('rotated', { version: first.properties.version ?? '' });
    expect(old.value).toBe('one');
    expect(old.properties).toMatchObject({
      contentType: 'text/plain',
      tags: { purpose: 'test' },
      expiresOn: new Date('2030-01-01T00:00:00Z'),
    });
    const versions: (string | undefined)[] = [];
    for await (const { version } of client.listPropertiesOfSecretVersions('rotated')) {
      versions.push(version);
    }
    expect(versions).toEqual([first.properties.version, secondVersion]);
  });

  it('returns an expired version with its expiry, and rejects a disabled one', async () => {
    const client = vault();
    const expiresOn = new Date('2020-01-01T00:00:00Z');
    const { name, properties } = await client.setSecret('old', 'value', { expiresOn });
    expect((await client.getSecret('old')).properties.expiresOn).toEqual(expiresOn);
    await client.updateSecretProperties(name, properties.version ?? '', { enabled: false });
    await expect(client.getSecret('old')).rejects.toMatchObject({
      statusCode: 403,
      code: 'Forbidden',
    });
  });

  it('responds 404 for an unknown secret or version', async () => {
    await expect(vault().getSecret('absent')).rejects.toMatchObject({
      statusCode: 404,
      code: 'SecretNotFound',
    });
    await expect(
      vault().getSecret('acs-connection-string', { version: '0'.repeat(32) }),
    ).rejects.toMatchObject({ statusCode: 404 });
  });

  it('challenges a call without a token, and rejects a wrong one', async () => {
    const { control, keyVaultUrl, entraUrl, tenantId } = running();
    const url = `${keyVaultUrl}/secrets/acs-connection-string/?api%2Dversion=7.6`;
    const anonymous = await fetch(url);
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get('www-authenticate')).toBe(
      `Bearer authorization="${entraUrl}/${tenantId}", resource="https://vault.azure.net"`,
    );
    const get = async (token: string): Promise<Response> =>
      fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const forApi = await get(await control.mintToken({ app: 'identity-service' }));
    expect(forApi.status).toBe(401);
    expect(await forApi.json()).toMatchObject({ error: { code: 'Unauthorized' } });
    const withoutRole = await get(
      await control.mintToken({ app: 'crm-service', resource: 'key-vault' }),
    );
    expect(withoutRole.status).toBe(403);
    expect(await withoutRole.json()).toMatchObject({ error: { code: 'Forbidden' } });
  });

  it('lists secrets and versions in pages', async () => {
    const client = vault();
    const names = ['page-1', 'page-2', 'page-3'];
    for (const name of names) await client.setSecret(name, 'one');
    await client.setSecret('page-3', 'two', { enabled: false });
    const listed: (string | undefined)[] = [];
    let pages = 0;
    for await (const page of client.listPropertiesOfSecrets().byPage({ maxPageSize: 2 })) {
      expect(page.length).toBeLessThanOrEqual(2);
      pages += 1;
      listed.push(...page.map(({ name }) => name));
    }
    expect(pages).toBeGreaterThan(2);
    expect(new Set(listed).size).toBe(listed.length);
    expect(listed).toEqual(expect.arrayContaining(names));
    const versions = client.listPropertiesOfSecretVersions('page-3').byPage({ maxPageSize: 1 });
    const enabled: (boolean | undefined)[] = [];
    for await (const page of versions) enabled.push(...page.map((one) => one.enabled));
    expect(enabled).toEqual([true, false]);
  });

  it('has no versions of an unknown name', async () => {
    const found: unknown[] = [];
    for await (const one of vault().listPropertiesOfSecretVersions('absent')) found.push(one);
    expect(found).toEqual([]);
  });

  it('deletes, recovers and purges', async () => {
    const client = vault();
    await client.setSecret('doomed', 'one');
    const { properties } = await client.setSecret('doomed', 'two');
    const deleted = await (await client.beginDeleteSecret('DOOMED')).pollUntilDone();
    expect(deleted).toMatchObject({ name: 'doomed', value: undefined });
    expect(deleted.scheduledPurgeDate).toBeInstanceOf(Date);
    await expect(client.getSecret('doomed')).rejects.toMatchObject({ code: 'SecretNotFound' });
    await expect(client.setSecret('doomed', 'three')).rejects.toMatchObject({
      statusCode: 409,
      code: 'Conflict',
    });
    const listed: string[] = [];
    for await (const { name } of client.listDeletedSecrets()) listed.push(name);
    expect(listed).toContain('doomed');
    const recovered = await (await client.beginRecoverDeletedSecret('doomed')).pollUntilDone();
    expect(recovered.version).toBe(properties.version);
    expect((await client.getSecret('doomed')).value).toBe('two');
    await client.beginDeleteSecret('doomed');
    await client.purgeDeletedSecret('doomed');
    const gone = { statusCode: 404, code: 'SecretNotFound' };
    await expect(client.getDeletedSecret('doomed')).rejects.toMatchObject(gone);
    await expect(client.purgeDeletedSecret('doomed')).rejects.toMatchObject(gone);
    await expect(client.beginDeleteSecret('doomed')).rejects.toMatchObject(gone);
    expect((await client.setSecret('doomed', 'three')).value).toBe('three');
  });

  it('restores a backup with all versions', async () => {
    const client = vault();
    const first = await client.setSecret('saved', 'one');
    await client.setSecret('saved', 'two');
    const backup = (await client.backupSecret('saved')) ?? new Uint8Array();
    await expect(client.restoreSecretBackup(backup)).rejects.toMatchObject({ statusCode: 409 });
    await client.beginDeleteSecret('saved');
    await client.purgeDeletedSecret('saved');
    expect(await client.restoreSecretBackup(backup)).toMatchObject({ name: 'saved' });
    const version = first.properties.version ?? '';
    expect((await client.getSecret('saved', { version })).value).toBe('one');
    expect((await client.getSecret('saved')).value).toBe('two');
    await expect(client.restoreSecretBackup(new Uint8Array([1, 2]))).rejects.toMatchObject({
      statusCode: 400,
      code: 'BadParameter',
    });
    await expect(client.backupSecret('absent')).rejects.toMatchObject({ statusCode: 404 });
  });

  it('takes a name in any case, and keeps the one that it was set by', async () => {
    const client = vault();
    const { properties } = await client.setSecret('Mixed-Case', 'one');
    await client.setSecret('mixed-case', 'two');
    const found = await client.getSecret('MIXED-CASE');
    expect(found).toMatchObject({ name: 'Mixed-Case', value: 'two' });
    const version = properties.version?.toUpperCase() ?? '';
    expect((await client.getSecret('mixed-case', { version })).value).toBe('one');
  });

  it('updates the newest version without one in the path', async () => {
    const client = vault();
    await client.setSecret('updated', 'one');
    const { version } = (await client.setSecret('updated', 'two')).properties;
    const changed = await client.updateSecretProperties('updated', '', {
      contentType: 'text/plain',
    });
    expect(changed).toMatchObject({ version, contentType: 'text/plain' });
  });

  it.each([
    ['GET', '/secrets', 200],
    ['GET', '/secrets/', 200],
    ['GET', '/secrets/token-cache-key', 200],
    ['GET', '/secrets/token-cache-key/', 200],
    ['GET', '/secrets/token-cache-key/versions', 200],
    ['GET', '/secrets/token-cache-key/versions/', 200],
    ['GET', '/deletedsecrets', 200],
    ['GET', '/deletedsecrets/', 200],
    ['POST', '/secrets/token-cache-key/backup/', 200],
    ['GET', '/secrets?maxresults=0', 400],
    ['GET', '/secrets?maxresults=26', 400],
    ['GET', '/secrets?maxresults=two', 400],
  ])('answers %s %s with %i', async (method, path, status) => {
    const { control, keyVaultUrl } = running();
    const token = await control.mintToken({ app: 'identity-service', resource: 'key-vault' });
    const url = new URL(path, keyVaultUrl);
    url.searchParams.set('api-version', '7.6');
    const answer = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(status);
    const body: unknown = await answer.json();
    if (status === 400) expect(body).toMatchObject({ error: { code: 'BadParameter' } });
  });

  it('responds 429 beyond its limit', async () => {
    const client = vault();
    await client.getSecret('token-cache-key');
    await running().control.changeKeyVault({ limit: 1, windowSeconds: 60 });
    await client.getSecret('token-cache-key');
    await expect(client.getSecret('token-cache-key')).rejects.toMatchObject({
      statusCode: 429,
      code: 'Throttled',
    });
  });
});

describe('the managed identity endpoint', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('issues a token for Key Vault', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', running().managedIdentityUrl);
    vi.stubEnv('IDENTITY_HEADER', running().managedIdentityHeader);
    const secret = await vault(new ManagedIdentityCredential()).getSecret('token-cache-key');
    expect(secret.value).toBeDefined();
  });

  it('rejects a missing or wrong identity header', async () => {
    const url = `${running().managedIdentityUrl}?resource=https://vault.azure.net&api-version=2019-08-01`;
    expect((await fetch(url)).status).toBe(401);
    const response = await fetch(url, { headers: { 'x-identity-header': 'guess' } });
    expect(response.status).toBe(401);
  });
});
