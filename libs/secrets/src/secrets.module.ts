import { Global, Module } from '@nestjs/common';
import { z } from 'zod';
import type { Settings, SettingsOf } from '#libs/platform';
import { AzureCredentialModule } from './azure-credential/azure-credential.module.js';
import {
  azureCredentialSettings,
  type AzureCredentialSettings,
} from './azure-credential/settings.js';
import { KeyVaultModule } from './key-vault/key-vault.module.js';
import { keyVaultSettings, type KeyVaultSettings } from './key-vault/settings.js';
import { SecretAccessModule } from './secret-access.module.js';

// Everything in this file is deprecated: use the settings and modules that it combines.

export const secretsSettings: Settings<z.ZodType<KeyVaultSettings & AzureCredentialSettings>> = {
  key: Symbol('settings of secrets'),
  name: 'secrets',
  schema: z.intersection(keyVaultSettings.schema, azureCredentialSettings.schema),
  variables: [...keyVaultSettings.variables, ...azureCredentialSettings.variables],
};

export type SecretsSettings = SettingsOf<typeof secretsSettings>;

@Global()
@Module({
  imports: [AzureCredentialModule, KeyVaultModule, SecretAccessModule],
  providers: [
    { provide: azureCredentialSettings.key, useExisting: secretsSettings.key },
    { provide: keyVaultSettings.key, useExisting: secretsSettings.key },
  ],
  exports: [
    ...[AzureCredentialModule, KeyVaultModule, SecretAccessModule],
    ...[azureCredentialSettings.key, keyVaultSettings.key],
  ],
})
export class SecretsModule {}
