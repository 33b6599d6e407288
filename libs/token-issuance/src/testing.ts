export { MemoryTokenCache } from './testing/memory-token-cache.js';
export { MemoryTokenQuota } from './testing/memory-token-quota.js';
export { type TokenCacheSubject, describeTokenCache } from './testing/token-cache.contract.js';
export { describeTokenQuota } from './testing/token-quota.contract.js';
