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
