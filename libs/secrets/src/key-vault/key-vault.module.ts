import { Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Clock, Logger, OutboundHttp } from '#libs/platform';
import { AzureCredential } from '../azure-credential/azure-credential.js';
import { SecretAccessEvents } from '../secret-access-events.js';
import { SecretAccessModule } from '../secret-access.module.js';
import { SecretStore } from '../secret-store.js';
import { KeyVaultReader } from './key-vault-reader.js';
import { KeyVaultSecretStore } from './key-vault-secret-store.js';
import { keyVaultSettings, type KeyVaultSettings } from './settings.js';

/** Provides `SecretStore` with Azure Key Vault. Needs a module that provides `AzureCredential`. */
@Global()
@Module({
  imports: [SecretAccessModule],
  providers: [
    {
      provide: SecretStore,
      inject: [
        keyVaultSettings.key,
        AzureCredential,
        OutboundHttp,
        Clock,
        Logger,
        Registry,
        SecretAccessEvents,
      ],
      useFactory: (
        settings: KeyVaultSettings,
        credential: AzureCredential,
        outbound: OutboundHttp,
        clock: Clock,
        logger: Logger,
        registry: Registry,
        events: SecretAccessEvents,
      ) =>
        new KeyVaultSecretStore(
          new KeyVaultReader(settings, credential, outbound, clock, registry),
          settings,
          clock,
          logger,
          events,
        ),
    },
  ],
  exports: [SecretStore],
})
export class KeyVaultModule {}
