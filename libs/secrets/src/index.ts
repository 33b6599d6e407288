export { AzureCredential } from './azure-credential.js';
export { AzureFault } from './azure-fault.js';
export { KeyVaultModule } from './key-vault.module.js';
export { KeyVaultReader } from './key-vault-reader.js';
export { KeyVaultSecretStore } from './key-vault-secret-store.js';
export { MemorySecretStore } from './memory-secret-store.js';
export { SdkAzureCredential } from './sdk-azure-credential.js';
export { Secret } from './secret.js';
export {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from './secret-errors.js';
export { type SecretRead, SecretReads } from './secret-reads.js';
export { SecretStore } from './secret-store.js';
export { SecretsModule } from './secrets.module.js';
export { secretsSettings, type SecretsSettings } from './secrets-settings.js';
