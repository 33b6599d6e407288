export { MemorySecretStore } from './memory-secret-store.js';
export { describeSecretStore, type SecretStoreHarness } from './secret-store.contract.js';
