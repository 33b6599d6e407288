import { Global, Module } from '@nestjs/common';
import { DatabaseCredential, Logger } from '#libs/platform';
import { AzureCredential } from '../azure-credential/azure-credential.js';
import { SecretStore } from '../secret-store.js';
import { databaseCredentialSettings, type DatabaseCredentialSettings } from './settings.js';
import { SettingsDatabaseCredential } from './settings-database-credential.js';

/** Provides `DatabaseCredential` by the settings. */
@Global()
@Module({
  providers: [
    {
      provide: DatabaseCredential,
      inject: [databaseCredentialSettings.key, AzureCredential, SecretStore, Logger],
      useFactory: (
        settings: DatabaseCredentialSettings,
        azure: AzureCredential,
        secrets: SecretStore,
        logger: Logger,
      ) => new SettingsDatabaseCredential(settings, azure, secrets, logger),
    },
  ],
  exports: [DatabaseCredential],
})
export class DatabaseCredentialModule {}
