import { MemoryRateLimitStore } from './memory-rate-limit-store.js';
import { rateLimitStoreContract } from './rate-limit-store.contract.js';

rateLimitStoreContract('MemoryRateLimitStore', async () => {
  const store = new MemoryRateLimitStore();
  return Promise.resolve([store, store]);
});
