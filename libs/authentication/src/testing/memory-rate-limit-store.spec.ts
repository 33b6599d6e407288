import { MemoryRateLimitStore } from './memory-rate-limit-store.js';
import { describeRateLimitStore } from './rate-limit-store.contract.js';

describeRateLimitStore('MemoryRateLimitStore', async () => {
  const store = new MemoryRateLimitStore();
  return Promise.resolve([store, store]);
});
