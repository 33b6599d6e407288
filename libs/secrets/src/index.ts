export { AzureCredential } from './azure-credential.js';
export { MemorySecretStore } from './memory-secret-store.js';
export { Secret } from './secret.js';
export {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from './secret-errors.js';
export { SecretStore } from './secret-store.js';
