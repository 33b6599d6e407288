import { Global, Inject, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import {
  PinoLoggerModule,
  PlatformModule,
  platformSettings,
  SettingsModule,
  SystemClockModule,
} from '#libs/platform';
import { ManualClock } from '#libs/platform/testing';
import { AzureCredentialModule } from '../azure-credential/azure-credential.module.js';
import { azureCredentialSettings } from '../azure-credential/settings.js';
import { MemorySecretStore } from '../testing/memory-secret-store.js';
import { SecretStore } from '../secret-store.js';
import { KeyVaultSecretStore } from './key-vault-secret-store.js';
import { KeyVaultModule } from './key-vault.module.js';
import { keyVaultSettings } from './settings.js';

/** Uses the port and imports no adapter, as the modules of the service do. */
@Injectable()
class Consumer {
  constructor(@Inject(SecretStore) readonly secrets: SecretStore) {}
}

@Module({ providers: [Consumer] })
class ConsumerModule {}

@Global()
@Module({
  providers: [{ provide: SecretStore, useFactory: () => new MemorySecretStore(new ManualClock()) }],
  exports: [SecretStore],
})
class OtherStoreModule {}

const environment = {
  LOG_LEVEL: 'silent',
  KEY_VAULT_URL: 'https://contoso.vault.azure.net',
};

async function storeOf(imports: NonNullable<ModuleMetadata['imports']>): Promise<SecretStore> {
  const module = await Test.createTestingModule({
    imports: [PlatformModule, SystemClockModule, PinoLoggerModule, ConsumerModule, ...imports],
  }).compile();
  const { secrets } = module.get(Consumer, { strict: false });
  await module.close();
  return secrets;
}

describe('KeyVaultModule', () => {
  it('provides the secret store to modules that do not import it', async () => {
    const settings = [platformSettings, azureCredentialSettings, keyVaultSettings];
    const store = await storeOf([
      SettingsModule.forRoot(settings, environment),
      AzureCredentialModule,
      KeyVaultModule,
    ]);
    expect(store).toBeInstanceOf(KeyVaultSecretStore);
  });

  it('can be left out for a module with another secret store, together with its settings', async () => {
    const store = await storeOf([
      SettingsModule.forRoot([platformSettings], { LOG_LEVEL: 'silent' }),
      OtherStoreModule,
    ]);
    expect(store).toBeInstanceOf(MemorySecretStore);
  });
});
