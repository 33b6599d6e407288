export { MemorySecretStore } from './testing/memory-secret-store.js';
export { describeSecretStore, type SecretStoreHarness } from './testing/secret-store.contract.js';
