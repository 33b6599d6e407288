import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../apps/api/src/create-api.js';
import { SystemClock } from '#libs/platform';
import { SecretStore } from '#libs/secrets';
import { describeSecretStore } from '#libs/secrets/testing';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { vaultAdapter } from './vault-adapter.js';
import { VaultSecretStore } from './vault-secret-store.js';
import { startVaultStandIn, type VaultStandIn } from './vault-stand-in.js';

let vault: VaultStandIn;
beforeAll(async () => {
  vault = await startVaultStandIn();
});
afterAll(() => {
  vault.close();
});

describeSecretStore('VaultSecretStore', async () => {
  const { address, token } = vault;
  const store = new VaultSecretStore({ address, token, mount: 'secret' }, new SystemClock());
  const fail = (fault: number | undefined) => async (): Promise<void> => {
    vault.fault = fault;
    return Promise.resolve();
  };
  return Promise.resolve({
    store,
    put: async (name, value, options) => Promise.resolve(vault.put(name, value, options)),
    breakDown: fail(503),
    refuseAccess: fail(403),
    recover: fail(undefined),
  });
});

describe('the api with Vault in the place of Key Vault', () => {
  const environment = Object.fromEntries(
    Object.entries(placeholderEnvironment).filter(([name]) => !name.startsWith('KEY_VAULT_')),
  );

  it('reads secrets from Vault and needs no setting of Key Vault', async () => {
    const { address: VAULT_ADDR, token: VAULT_TOKEN } = vault;
    vault.put('acs', 'from Vault');
    const app = await createApi(
      { ...environment, VAULT_ADDR, VAULT_TOKEN },
      { replace: [vaultAdapter] },
    );
    try {
      const secret = await app.get(SecretStore).read('acs');
      expect(secret.value).toBe('from Vault');
    } finally {
      await app.close();
    }
  });

  it('reports the missing settings of Vault as its own', async () => {
    const starting = createApi(environment, { replace: [vaultAdapter] });
    await expect(starting).rejects.toThrow(/VAULT_ADDR: is not set[\s\S]*VAULT_TOKEN: is not set/);
  });
});
