import { Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Clock, Logger } from '#libs/platform';
import { AzureCredential } from './azure-credential.js';
import { KeyVaultReader } from './key-vault-reader.js';
import { KeyVaultSecretStore } from './key-vault-secret-store.js';
import { SdkAzureCredential } from './sdk-azure-credential.js';
import { SecretReads } from './secret-reads.js';
import { SecretStore } from './secret-store.js';
import { secretsSettings, type SecretsSettings } from './secrets-settings.js';
import { SecretsModule } from './secrets.module.js';

/** Binds `SecretStore` to Azure Key Vault, and `AzureCredential` to this process's Entra identity. */
@Global()
@Module({
  imports: [SecretsModule],
  providers: [
    {
      provide: AzureCredential,
      inject: [secretsSettings.key],
      useFactory: (settings: SecretsSettings) => new SdkAzureCredential(settings),
    },
    {
      provide: SecretStore,
      inject: [secretsSettings.key, AzureCredential, Clock, Logger, Registry, SecretReads],
      useFactory: (
        settings: SecretsSettings,
        credential: AzureCredential,
        clock: Clock,
        logger: Logger,
        registry: Registry,
        reads: SecretReads,
      ) =>
        new KeyVaultSecretStore(
          new KeyVaultReader(settings, credential, clock, registry),
          settings,
          clock,
          logger,
          reads,
        ),
    },
  ],
  exports: [AzureCredential, SecretStore],
})
export class KeyVaultModule {}
