import { Global, Module } from '@nestjs/common';
import { DatabaseCredential } from '#libs/platform';
import { AzureCredential } from '../azure-credential/azure-credential.js';
import { databaseCredentialSettings, type DatabaseCredentialSettings } from './settings.js';
import { SettingsDatabaseCredential } from './settings-database-credential.js';

/** Provides `DatabaseCredential` by the settings. */
@Global()
@Module({
  providers: [
    {
      provide: DatabaseCredential,
      inject: [databaseCredentialSettings.key, AzureCredential],
      useFactory: (settings: DatabaseCredentialSettings, azure: AzureCredential) =>
        new SettingsDatabaseCredential(settings, azure),
    },
  ],
  exports: [DatabaseCredential],
})
export class DatabaseCredentialModule {}
