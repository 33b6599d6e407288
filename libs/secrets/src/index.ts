export { AzureCredential, SdkAzureCredential } from './azure-credential/azure-credential.js';
export { AzureCredentialModule } from './azure-credential/azure-credential.module.js';
export { AzureFault } from './azure-credential/azure-fault.js';
export { AzureHttpClient, OWN_PROXY_RULES } from './azure-http/azure-http-client.js';
export {
  azureCredentialSettings,
  type AzureCredentialSettings,
} from './azure-credential/settings.js';
export { DatabaseCredentialModule } from './database-credential/database-credential.module.js';
export {
  databaseCredentialSettings,
  type DatabaseCredentialSettings,
} from './database-credential/settings.js';
export { SettingsDatabaseCredential } from './database-credential/settings-database-credential.js';
export {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from './errors.js';
export { assertKeyLength, isLongEnoughKey } from './key-length.js';
export { KeyVaultReader } from './key-vault/key-vault-reader.js';
export { KeyVaultSecretStore } from './key-vault/key-vault-secret-store.js';
export { KeyVaultModule } from './key-vault/key-vault.module.js';
export {
  keyVaultSettings,
  type KeyVaultSettings,
  LONGEST_SECRET_USE_MS,
} from './key-vault/settings.js';
export { SecretNotices } from './notices/secret-notices.js';
export { keyVaultEventsSettings, type KeyVaultEventsSettings } from './notices/settings.js';
export { secretsGrants, secretsMigrations } from './schema/migrations.js';
export { type SecretAccess, SecretAccessEvents } from './secret-access-events.js';
export { SecretAccessModule } from './secret-access.module.js';
export { SecretStore } from './secret-store.js';
export { Secret } from './secret.js';
export { SecretVersionsModule } from './secret-versions.module.js';
export type { SecretInUse } from './version-trials.js';
